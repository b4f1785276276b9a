// SPDX-License-Identifier: MIT
//
// The RAID-0 example, stripe: where its data lie, and which arguments it accepts.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/system/support/fio.hpp"
#include "tests/system/support/places.hpp"

namespace userblk::test {

class Stripe : public Places, public testing::WithParamInterface<std::uint32_t> {
protected:
    // The device's bytes, gathered from the files as RAID-0 defines.
    static std::string gathered(const std::vector<std::string>& files, std::uint64_t size) {
        std::string result;
        std::vector<std::ifstream> in;
        for (const std::string& file : files)
            in.emplace_back(file, std::ios::binary);
        for (std::size_t i = 0; result.size() < size; i++) {
            std::string piece(std::min(stripe_unit, size - result.size()), 0);
            in[i % in.size()].seekg(static_cast<std::streamoff>(i / in.size() * stripe_unit));
            in[i % in.size()].read(piece.data(), static_cast<std::streamsize>(piece.size()));
            piece.resize(static_cast<std::size_t>(in[i % in.size()].gcount()));
            if (piece.empty())
                break;
            result += piece;
        }
        return result;
    }
    static std::string content(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        std::stringstream text;
        text << in.rdbuf();
        return text.str();
    }
    // Makes each change to the device and to a model file (tmpfs has no O_DIRECT on 6.1).
    void change_both(const std::string& block, const std::string& model) const {
        shell(R"(dd if=/dev/urandom of="$3/data" bs=1M count=12 status=none
                 put() { dd if="$3/data" of="$1" status=none conv=notrunc "${@:4}"
                         dd if="$3/data" of="$2" status=none conv=notrunc "${@:4}" oflag=direct; }
                 put "$2" "$1" "$3" bs=1M
                 put "$2" "$1" "$3" bs=300k seek=3 count=9
                 put "$2" "$1" "$3" bs=4k seek=63 count=2
                 blkdiscard --zeroout --offset 700K --length 3M "$1"
                 fallocate --punch-hole --offset 700K --length 3M "$2"
                 blkdiscard --zeroout --offset 9M --length 4k "$1"
                 fallocate --punch-hole --offset 9M --length 4k "$2")",
              {block, model, folder()});
    }
    // The offset of the first difference; the length if there is none.
    static std::size_t equal_up_to(const std::string& one, const std::string& other) {
        const auto end = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
        return static_cast<std::size_t>(end.first - one.begin());
    }
};

// Every byte is where RAID-0 says, in files read without userblk: for requests within one stripe
// unit and, on a device created without a chunk size, for requests across several.
TEST_P(Stripe, DataLieInTheirPlaces) {
    const std::uint64_t size = 12 * mib + 65536; // the last unit is not full
    const auto files = stores(Driver::stripe, size);
    const std::string model = make_file("model.img", size);
    userblk_config config = full_config(size);
    config.chunk_size = GetParam();
    config.max_transfer = USERBLK_MAX_TRANSFER;
    TestDevice device(config);
    Service service(device, Driver::stripe, files);
    change_both(device.block_path(), model);
    succeed({"blockdev", "--flushbufs", device.block_path()});
    EXPECT_EQ(equal_up_to(gathered(files, size), content(model)), size);
    EXPECT_EQ(std::filesystem::file_size(files[0]), 16 * stripe_unit + 65536);
    EXPECT_EQ(std::filesystem::file_size(files[1]), 16 * stripe_unit);
    EXPECT_EQ(std::filesystem::file_size(files[2]), 16 * stripe_unit);
    // Through userblk, the data are the same.
    shell("dd if=\"$1\" bs=3M iflag=direct status=none | cmp - \"$2\"",
          {device.block_path(), model});
    // Discarding a range frees its space in the files.
    std::uint64_t before = 0, after = 0;
    for (const std::string& file : files)
        before += allocated(file);
    succeed({"blkdiscard", "--offset", "4M", "--length", "4M", device.block_path()});
    for (const std::string& file : files)
        after += allocated(file);
    EXPECT_EQ(before - after, 4 * mib);
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure("stripe, chunk size " + std::to_string(GetParam()) + ", requests",
           std::to_string(info(device.control()).gets));
}

INSTANTIATE_TEST_SUITE_P(WithChunkSize, Stripe,
                         testing::Values(0u, static_cast<unsigned>(stripe_unit)),
                         testing::PrintToStringParamName());

class StripeAlone : public Places {
protected:
    static std::string ready(Program& driver) {
        eventually(
            [&] { return driver.out().find('\n') != std::string::npos || !driver.running(); });
        const std::string text = driver.out();
        EXPECT_EQ(text.rfind("/dev/userblk", 0), 0u) << driver.err();
        return text.substr(0, text.find('\n'));
    }
    static std::string limit(const std::string& path, const std::string& name) {
        const std::string disk = path.substr(std::string("/dev/").size());
        std::string value;
        std::ifstream("/sys/block/" + disk + "/queue/" + name) >> value;
        return value;
    }
    static void end(Program& driver) {
        driver.signal(SIGTERM);
        const Outcome outcome = driver.wait(2 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
    }
};

// stripe creates a device as large as its files allow, whose requests lie within one unit each.
// Restarted with the same files, another device holds the same data. With --size the files grow.
TEST_F(StripeAlone, MakesItsDeviceOfItsFiles) {
    const std::string a = make_file("a.img", 5 * mib + 1000), b = make_file("b.img", 7 * mib);
    std::string written;
    {
        Program driver({built("stripe"), "--", a, b});
        const std::string path = ready(driver);
        EXPECT_EQ(size_of_block_device(path), 10 * mib);
        EXPECT_EQ(limit(path, "chunk_sectors"), std::to_string(stripe_unit / 512));
        EXPECT_EQ(limit(path, "optimal_io_size"), std::to_string(2 * stripe_unit));
        shell("dd if=/dev/urandom of=\"$1\" bs=1M count=10 oflag=direct status=none", {path});
        written = shell("sha256sum <\"$1\"", {path});
        end(driver);
    }
    EXPECT_EQ(std::filesystem::file_size(a), 5 * mib + 1000);
    {
        Program driver({built("stripe"), "--size", "64M", "--workers", "1", "--", a, b});
        const std::string path = ready(driver);
        EXPECT_EQ(size_of_block_device(path), 64 * mib);
        EXPECT_EQ(shell("head -c 10M \"$1\" | sha256sum", {path}), written);
        end(driver);
    }
    EXPECT_EQ(std::filesystem::file_size(a), 32 * mib);
    Program driver({built("stripe"), "--read-only", "--", a, b});
    EXPECT_EQ(shell("head -c 10M \"$1\" | sha256sum", {ready(driver)}), written);
    end(driver);
}

// Disks work like files.
TEST_F(StripeAlone, LiesOnDisks) {
    allow_time(180s);
    succeed({"modprobe", "loop"});
    std::vector<std::string> disks;
    for (const char* const name : {"a.img", "b.img"}) {
        const std::string path =
            succeed({"losetup", "--find", "--show", make_file(name, 32 * mib)});
        disks.push_back(path.substr(0, path.find('\n')));
    }
    {
        Program driver({built("stripe"), "--", disks[0], disks[1]});
        verify_with_fio({.target = ready(driver), .size = in_form("16m", "4m")});
        end(driver);
        const Outcome longer = run({built("stripe"), "--size", "1G", "--", disks[0], disks[1]});
        EXPECT_EQ(longer.status, 1) << longer.text();
        EXPECT_NE(longer.err.find("unable to extend " + disks[0]), std::string::npos) << longer.err;
    }
    for (const std::string& disk : disks)
        succeed({"losetup", "--detach", disk});
}

// Errors name what is wrong.
TEST_F(StripeAlone, SaysWhatIsWrong) {
    const auto complains = [](const Arguments& arguments, int status, const std::string& about) {
        Arguments argv{built("stripe")};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        const Outcome outcome = run(argv);
        EXPECT_EQ(outcome.status, status) << outcome.text();
        EXPECT_NE(outcome.err.find(about), std::string::npos) << outcome.err;
    };
    complains({}, 2, "stripe -- a.img b.img");
    complains({"--", folder() + "/none"}, 1, folder() + "/none: No such file");
    complains({"--", make_file("empty", 0)}, 2, "--size");
    complains({"--", folder()}, 1, "directory");
    complains({"--size", "1000", "--", make_file("odd", 0)}, 2, "multiple");
    EXPECT_EQ(run({built("stripe"), "--help"}).status, 0);
}

} // namespace userblk::test
