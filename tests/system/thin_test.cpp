// SPDX-License-Identifier: MIT
//
// The thin example, a thin-provisioned volume: used, killed, filled, cut off and restarted.
#include <csignal>
#include <filesystem>
#include <regex>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/support/process.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class Thin : public SystemTest {
protected:
    static constexpr std::uint64_t block = 65536;

    void SetUp() override {
        SystemTest::SetUp();
        store_ = folder() + "/store";
    }
    void keeps(const std::string& type);
    const std::string& store() const { return store_; }
    // From now on everything uses a store elsewhere; its map is beside it.
    void use_store(const std::string& path) { store_ = path; }
    std::string map() const { return folder() + "/map"; }

    static Outcome thin(Arguments arguments) {
        arguments.insert(arguments.begin(), built("thin"));
        return run(arguments);
    }
    void create(const std::string& size, const Arguments& options = {}) const {
        Arguments argv{built("thin"), "create", store_, "--map", map(), "--size", size};
        argv.insert(argv.end(), options.begin(), options.end());
        succeed(argv);
    }
    // Returns once the workers have started and the device exists.
    Program serve(const Arguments& options = {}) const {
        Arguments argv{built("thin"), "serve", store_, "--map", map()};
        argv.insert(argv.end(), options.begin(), options.end());
        return Program(argv);
    }
    static std::string path_of(Program& driver) {
        EXPECT_TRUE(eventually([&] {
            return driver.out().find('\n') != std::string::npos || !driver.running();
        })) << driver.err();
        const std::string text = driver.out();
        EXPECT_EQ(text.rfind("/dev/userblk", 0), 0u) << text << driver.err();
        return text.substr(0, text.find('\n'));
    }
    static void stop(Program& driver) {
        driver.signal(SIGTERM);
        const Outcome outcome = driver.wait(2 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
    }
    // Kills supervisor and workers at once: no process is left.
    static void kill_driver(Program& driver) {
        auto workers = children_of(driver.pid());
        driver.kill();
        kill_each(workers);
    }
    // A number from "thin info --json".
    std::uint64_t told(const std::string& key) const {
        const auto text = succeed({built("thin"), "info", store_, "--map", map(), "--json"});
        std::smatch match;
        EXPECT_TRUE(std::regex_search(text, match, std::regex("\"" + key + "\": *([0-9]+)")))
            << text;
        return match.empty() ? 0 : std::stoull(match[1]);
    }
    void check() const { succeed({built("thin"), "check", store_, "--map", map()}); }

    // Writes bytes of one value, bypassing the cache, starting at block number @p at.
    static void fill(const std::string& path, std::uint64_t at, std::uint64_t count, char value,
                     const std::string& more = "") {
        shell("head -c $3 /dev/zero | tr '\\0' \"$4\" | dd of=\"$1\" bs=64k seek=$2 "
              "iflag=fullblock oflag=direct conv=notrunc" +
                  more + " status=none",
              {path, std::to_string(at), std::to_string(count * block), std::string(1, value)});
    }
    static bool reads(const std::string& path, std::uint64_t at, std::uint64_t count, char value) {
        const Fd fd = open_file(path, O_RDONLY | O_DIRECT);
        Buffer data(count * block);
        EXPECT_EQ(pread(fd.get(), data.data(), data.size(), static_cast<off_t>(at * block)),
                  static_cast<ssize_t>(data.size()));
        return data.all(static_cast<std::uint8_t>(value));
    }
    static void drop_caches() { shell("echo 3 >/proc/sys/vm/drop_caches"); }

    // A device for a volume of 64 MiB, as thin creates it.
    static userblk_config config(bool redirect) {
        userblk_config result = full_config(64 * mib);
        result.chunk_size = 2 * mib;
        result.flags |= redirect ? USERBLK_F_REDIRECT : USERBLK_F_NO_REDIRECT;
        return result;
    }

    // A loop device over a file, as a block device of that size.
    std::string make_loop(const std::string& name, std::uint64_t size) const {
        succeed({"modprobe", "loop"});
        const auto out = succeed({"losetup", "--find", "--show", make_file(name, size)});
        return out.substr(0, out.find('\n'));
    }

private:
    std::string store_;
};

// A volume ten times the size of its content. A file system is made on it and filled while all
// workers are killed repeatedly: everything copied is there, the file system is clean, and so is
// the block map, which has only what was written.
void Thin::keeps(const std::string& type) {
    allow_time(300s);
    create("1G");
    Program driver = serve({"--workers", "3"});
    const std::string path = path_of(driver);
    EXPECT_EQ(size_of_block_device(path), 1024 * mib);
    make_file_system(type, path);
    {
        Mount mount(path, folder() + "/mnt");
        Program copy({"bash", "-euc",
                      "for i in 1 2; do cp -a \"$2\" \"$1/$i\"; sync -f \"$1\"; done", "copy",
                      mount.point(), sample_tree()});
        unsigned kills = 0;
        while (copy.running()) {
            kill_each(children_of(driver.pid()));
            kills++;
            std::this_thread::sleep_for(600ms);
        }
        EXPECT_EQ(copy.wait().status, 0);
        kill_each(children_of(driver.pid()));
        drop_caches();
        for (const char* name : {"/1", "/2"})
            EXPECT_EQ(checksum_of_tree(mount.point() + name), checksum_of_tree(sample_tree()));
        figure(type + ", all workers killed while a tree was copied, times", std::to_string(kills));
        mount.unmount();
    }
    check_file_system(type, path);
    check();
    EXPECT_LT(told("allocated"), 512 * mib);
    figure(type + ", allocated of 1 GiB, MiB", std::to_string(told("allocated") / mib));
    stop(driver);
    EXPECT_FALSE(std::filesystem::exists(path));
}

// The scenario above with ext4.
TEST_F(Thin, AnExt4SurvivesItsWorkers) {
    keeps("ext4");
}

// And with xfs.
TEST_F(Thin, AnXfsSurvivesItsWorkers) {
    keeps("xfs");
}

// Nothing is allocated at first, and everything reads as zeros. A write of 4 KiB takes one block,
// the rest of which is zeros; the store grows as more is written.
TEST_F(Thin, HolesReadAsZerosAndTakeNoSpace) {
    create("64M");
    EXPECT_EQ(told("allocated"), 0u);
    EXPECT_EQ(told("store_size"), 0u);
    Program driver = serve();
    const std::string path = path_of(driver);
    EXPECT_TRUE(reads(path, 0, 64 * mib / block, 0));
    EXPECT_EQ(told("allocated"), 0u);
    shell("head -c 4096 /dev/zero | tr '\\0' x | dd of=\"$1\" bs=4k seek=100 iflag=fullblock "
          "oflag=direct status=none",
          {path});
    EXPECT_EQ(told("allocated"), block);
    const auto text = shell("dd if=\"$1\" bs=4k skip=99 count=3 iflag=direct status=none | "
                            "tr '\\0' 0 | fold -w 4096 | cut -c 1,4096",
                            {path});
    EXPECT_EQ(text, "00\nxx\n00\n");
    EXPECT_TRUE(reads(path, 0, 6, 0));
    EXPECT_TRUE(reads(path, 7, 100, 0));
    const auto before = told("store_size");
    fill(path, 200, 200, 'y');
    EXPECT_TRUE(reads(path, 200, 200, 'y'));
    EXPECT_GE(told("store_size"), before + 100 * block);
    EXPECT_LE(told("store_allocated"), 201 * block + 5 * mib);
    EXPECT_EQ(told("allocated"), 201 * block);
    stop(driver);
}

// Discarded blocks are freed: the volume reports it, and the store releases the space. They read as
// zeros, also the parts that the next first write does not cover. Zeroing does the same, unless the
// space must stay.
TEST_F(Thin, DiscardAndZeroingFreeSpace) {
    create("64M");
    Program driver = serve();
    const std::string path = path_of(driver);
    fill(path, 0, 512, 'x');
    EXPECT_EQ(told("allocated"), 32 * mib);
    const auto full = told("store_allocated");
    succeed({"blkdiscard", "-o", "8M", "-l", "8M", path});
    EXPECT_EQ(told("allocated"), 24 * mib);
    EXPECT_EQ(told("freed_blocks"), 8 * mib / block);
    EXPECT_LE(told("store_allocated"), full - 8 * mib + block);
    EXPECT_TRUE(reads(path, 127, 1, 'x'));
    EXPECT_TRUE(reads(path, 128, 128, 0));
    EXPECT_TRUE(reads(path, 256, 1, 'x'));
    succeed({"fallocate", "--punch-hole", "--offset", "20M", "--length", "4M", path});
    EXPECT_EQ(told("allocated"), 20 * mib);
    EXPECT_TRUE(reads(path, 320, 64, 0));
    succeed({"fallocate", "--zero-range", "--offset", "24M", "--length", "1M", path});
    EXPECT_EQ(told("allocated"), 20 * mib);
    EXPECT_TRUE(reads(path, 384, 16, 0));
    succeed({"fallocate", "--punch-hole", "--offset", "4096", "--length", "4096", path});
    EXPECT_EQ(told("allocated"), 20 * mib) << "a part of a block";
    shell("cmp -n 4096 -i 4096:0 \"$1\" /dev/zero", {path});
    fill(path, 130, 1, 'z');
    EXPECT_TRUE(reads(path, 130, 1, 'z'));
    EXPECT_TRUE(reads(path, 131, 100, 0));
    check();
    stop(driver);
}

// Unrelated drivers, each with its own workers, on one device, under verified random writes and
// trims. Workers are killed all the time, once a whole driver. No error, nothing mixed up; also
// where the kernel does not redirect, and where the store is so full that drivers must reuse each
// other's freed blocks: then a new block may find no space for the moment.
enum class Way { redirected, carried_out_by_workers, in_a_full_store };

std::string name_of(Way way) {
    const char* names[] = {"redirected", "carried_out_by_workers", "in_a_full_store"};
    return names[static_cast<int>(way)];
}

class ThinUnderKills : public Thin, public testing::WithParamInterface<Way> {};

TEST_P(ThinUnderKills, SeveralDriversServeOneVolume) {
    const auto duration = in_form(60s, 5s);
    allow_time(duration + 240s);
    const bool full = GetParam() == Way::in_a_full_store;
    create("64M", {"--log-records", "200", "--limit", full ? "52M" : "64M"});
    TestDevice device(config(GetParam() != Way::carried_out_by_workers));
    std::vector<Program> drivers;
    for (int i = 0; i < 2; i++)
        drivers.push_back(serve({device.name(), "--workers", "2"}));
    for (Program& driver : drivers)
        EXPECT_EQ(path_of(driver), device.block_path());
    if (full)
        fill(device.block_path(), 0, 768, 'f');
    Fio fio({.target = device.block_path(),
             .size = "48m",
             .pattern = "randwrite",
             .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    // Beside the blocks that fio verifies, others come and go, in changing areas: the log is
    // rewritten repeatedly.
    Program others({"bash", "-c", R"(
        head -c 3M /dev/urandom >"$2"; done=0
        while true; do
            for at in 800 900; do
                if dd if="$2" of="$1" bs=64k seek=$at oflag=direct \
                      conv=notrunc,nocreat status=none; then
                    cmp -n 3M -i 0:$((at * 65536)) "$2" "$1" || exit
                    echo $((++done)) >"$2.done"
                else
                    [ "$3" ] || exit
                fi
                blkdiscard -o $((at * 65536)) -l 3M "$1" || exit
            done
        done)",
                    "others", device.block_path(), folder() + "/data", full ? "full" : ""});
    Dice dice;
    unsigned kills = 0;
    while (fio.running()) {
        await_taken(device, 2s);
        const pid_t taker = some_taker(device);
        if (taker > 0)
            kill_each({taker});
        kills += taker > 0;
        if (kills == 5 && taker > 0) {
            kill_driver(drivers[0]);
            drivers[0] = serve({device.name(), "--workers", "2"});
        }
        dice.sleep_up_to(400ms);
    }
    EXPECT_TRUE(others.running()) << others.err();
    others.kill_group(); // one of its dd would create a file where the device was
    fio.finish();
    const auto state = info(device.control());
    EXPECT_TRUE(full || state.errors == 0);
    figure("kills, requests put back, redirected; blocks came and went, times",
           std::to_string(kills) + ", " + std::to_string(state.put_back) + ", " +
               std::to_string(state.redirects) + "; " +
               shell("tr -d '\\n' <\"$1.done\"", {folder() + "/data"}));
    EXPECT_EQ(state.redirects > 0, GetParam() != Way::carried_out_by_workers);
    check();
    for (Program& driver : drivers)
        stop(driver);
}

INSTANTIATE_TEST_SUITE_P(Of, ThinUnderKills,
                         testing::Values(Way::redirected, Way::carried_out_by_workers,
                                         Way::in_a_full_store),
                         [](const auto& about) { return name_of(about.param); });

// The whole driver is killed while its device is mounted and written. Another one starts for the
// device: everything goes on. Then the device goes too, and a new one has all the data.
TEST_F(Thin, ANewDriverBringsEverythingBack) {
    allow_time(240s);
    create("256M");
    Program driver = serve({"--name", "thin"});
    const std::string path = path_of(driver);
    EXPECT_EQ(thin({"serve", store(), "--map", map()}).status, 1) << "as a second device";
    make_file_system("ext4", path);
    std::string written;
    {
        Mount mount(path, folder() + "/mnt");
        Program copy({"bash", "-euc", "cp -a \"$2\" \"$1/tree\"; sync -f \"$1\"", "copy",
                      mount.point(), sample_tree()});
        std::this_thread::sleep_for(500ms);
        kill_driver(driver);
        driver = serve({"thin"});
        EXPECT_EQ(path_of(driver), path);
        EXPECT_EQ(copy.wait(2 * patience).status, 0);
        drop_caches();
        written = checksum_of_tree(mount.point());
        EXPECT_EQ(checksum_of_tree(mount.point() + "/tree"), checksum_of_tree(sample_tree()));
        mount.unmount();
    }
    stop(driver);
    succeed({built("userblkctl"), "remove", path});
    const auto allocated = told("allocated");
    driver = serve();
    const std::string next = path_of(driver);
    check_file_system("ext4", next);
    Mount mount(next, folder() + "/mnt", {"-o", "ro"});
    EXPECT_EQ(checksum_of_tree(mount.point()), written);
    mount.unmount();
    EXPECT_EQ(told("allocated"), allocated);
    stop(driver);
}

// The file system with store and map is cut off from its disk, as by a power cut, while the volume
// is written. Everything flushed is there afterwards; everything else is there or zeros, and never
// another block's.
TEST_F(Thin, FlushedWritesSurviveAPowerCut) {
    allow_time(240s);
    const std::string disk = make_loop("disk.img", 256 * mib);
    make_file_system("ext4", disk);
    Mount mount(disk, folder() + "/disk");
    use_store(mount.point() + "/store");
    const Arguments beside{"--map", mount.point() + "/map"};
    succeed({built("thin"), "create", store(), beside[0], beside[1], "--size", "128M"});
    {
        Program driver({built("thin"), "serve", store(), beside[0], beside[1]});
        const std::string path = path_of(driver);
        for (int i = 0; i < 8; i++) // each ends with a flush
            fill(path, static_cast<std::uint64_t>(100 * i), 20, static_cast<char>('a' + i),
                 ",fsync");
        fill(path, 1950, 1, 'f', " oflag=dsync"); // FUA
        succeed({"blkdiscard", "-o", "0", "-l", "640k", path});
        for (int i = 0; i < 8; i++)
            fill(path, static_cast<std::uint64_t>(100 * i + 50), 20, static_cast<char>('A' + i));
        const Fd fd = open_file(mount.point(), O_RDONLY | O_DIRECTORY);
        const std::uint32_t without_flushing = 2;
        ASSERT_EQ(ioctl(fd.get(), _IOR('X', 125, std::uint32_t), &without_flushing), 0);
        kill_driver(driver);
        succeed({built("userblkctl"), "remove", "--force", path});
    }
    mount.unmount();
    Mount again(disk, folder() + "/disk");
    succeed({built("thin"), "check", store(), beside[0], beside[1]});
    Program driver({built("thin"), "serve", store(), beside[0], beside[1]});
    const std::string path = path_of(driver);
    unsigned lost = 0;
    for (int i = 0; i < 8; i++) {
        const auto at = static_cast<std::uint64_t>(100 * i);
        const std::uint64_t gone = i == 0 ? 10 : 0; // discarded without a flush
        EXPECT_TRUE(reads(path, at + gone, 20 - gone, static_cast<char>('a' + i))) << i;
        for (std::uint64_t j = 0; j < 20; j++) {
            const bool zeros = reads(path, at + 50 + j, 1, 0);
            lost += zeros;
            EXPECT_TRUE(zeros || reads(path, at + 50 + j, 1, static_cast<char>('A' + i)));
        }
    }
    EXPECT_TRUE(reads(path, 1950, 1, 'f'));
    for (std::uint64_t j = 0; j < 10; j++)
        EXPECT_TRUE(reads(path, j, 1, 0) || reads(path, j, 1, 'a'));
    figure("blocks of 160 not flushed that were lost in the power cut", std::to_string(lost));
    {
        const Fd fd = open_file(path, O_RDWR | O_DIRECT);
        for (std::uint64_t j = 1000; j < 1200; j++) { // new blocks, partly written
            const Buffer sector(512);
            EXPECT_EQ(pwrite(fd.get(), sector.data(), 512, static_cast<off_t>(j * block)), 512);
            EXPECT_TRUE(reads(path, j, 1, 0)) << j;
        }
    }
    stop(driver);
    again.unmount();
    succeed({"losetup", "--detach", disk});
}

// A volume on a smaller block device. When it is full, writes fail for that reason, and nothing
// else fails. Space discarded then can be reused, and reads as zeros.
TEST_F(Thin, AFullStoreFailsWritesAndNothingElse) {
    allow_time(180s);
    use_store(make_loop("disk.img", 8 * mib));
    fill(store(), 0, 128, 's');
    EXPECT_EQ(thin({"create", store(), "--map", map(), "--size", "64M"}).status, 2)
        << "its content";
    create("64M", {"--force"});
    Program driver = serve({"--workers", "3"});
    const std::string path = path_of(driver);
    shell("dd if=/dev/zero of=\"$1\" bs=512 count=1 seek=1000 oflag=direct status=none", {path});
    EXPECT_TRUE(reads(path, 0, 10, 0)) << "old content of the disk shows";
    fill(path, 100, 127, 'x');
    const Outcome full = run({"dd", "if=/dev/zero", "of=" + path, "bs=64k", "seek=500", "count=1",
                              "oflag=direct", "status=none"});
    EXPECT_NE(full.status, 0);
    EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
    EXPECT_TRUE(reads(path, 500, 1, 0));
    fill(path, 100, 127, 'y');
    EXPECT_TRUE(reads(path, 100, 127, 'y'));
    EXPECT_EQ(told("allocated"), 8 * mib);
    succeed({"blkdiscard", "-o", "6400k", "-l", "1M", path}); // blocks 100 to 115
    fill(path, 500, 16, 'z');
    EXPECT_TRUE(reads(path, 500, 16, 'z'));
    EXPECT_TRUE(reads(path, 100, 16, 0));
    EXPECT_TRUE(reads(path, 116, 111, 'y'));
    kill_each(children_of(driver.pid()));
    EXPECT_TRUE(reads(path, 500, 16, 'z'));
    check();
    stop(driver);
    succeed({"losetup", "--detach", store()});
}

// The file system of the store is full.
TEST_F(Thin, AFullFileSystemFailsWritesAndNothingElse) {
    std::filesystem::create_directory(folder() + "/small");
    Mount small("none", folder() + "/small", {"-t", "tmpfs", "-o", "size=6m"});
    use_store(small.point() + "/store");
    create("64M");
    Program driver = serve();
    const std::string path = path_of(driver);
    fill(path, 0, 90, 'x');
    const Outcome full = run({"dd", "if=/dev/zero", "of=" + path, "bs=64k", "seek=200", "count=50",
                              "oflag=direct", "status=none"});
    EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
    EXPECT_TRUE(reads(path, 0, 90, 'x'));
    succeed({"blkdiscard", "-o", "0", "-l", "2M", path});
    fill(path, 300, 20, 'y');
    EXPECT_TRUE(reads(path, 300, 20, 'y'));
    EXPECT_TRUE(reads(path, 32, 58, 'x'));
    stop(driver);
    small.unmount();
}

// A worker is stopped in the middle of a discard, which is put back and carried out by another
// worker. New data are written there. The first worker resumes what it had begun: it frees nothing.
TEST_F(Thin, AStoppedWorkerDoesNotFreeWhatWasWrittenSince) {
    create("64M");
    TestDevice device(config(true));
    Program one = serve({device.name(), "--workers", "1"});
    path_of(one);
    fill(device.block_path(), 0, 32, 'x');
    Fd locked = open_file(map(), O_RDWR); // as if a process were about to change the map
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_len = 1;
    ASSERT_EQ(fcntl(locked.get(), F_OFD_SETLK, &lock), 0);
    Program discard({"blkdiscard", "-o", "0", "-l", "2M", device.block_path()});
    // The discard, which waits for the lock, and not a request by udev.
    ASSERT_TRUE(eventually([&] { return info(device.control()).oldest_taken_ns > 500'000'000; }));
    const auto workers = children_of(one.pid());
    for (const pid_t worker : workers) {
        kill(worker, SIGSTOP);
        const auto state = "/proc/" + std::to_string(worker) + "/status";
        ASSERT_TRUE(eventually([&] {
            return run({"grep", "-q", "^State:.T", state}).status == 0;
        }));
    }
    locked.reset();
    Program other = serve({device.name(), "--workers", "1"});
    path_of(other);
    run({built("userblk-recover"), "--all", device.name()});
    EXPECT_EQ(info(device.control()).put_back, 1u);
    EXPECT_EQ(discard.wait().status, 0);
    EXPECT_EQ(told("freed_blocks"), 32u);
    fill(device.block_path(), 0, 32, 'y');
    for (const pid_t worker : workers)
        kill(worker, SIGCONT);
    EXPECT_TRUE(eventually([&] { return info(device.control()).stale > 0; }));
    EXPECT_TRUE(reads(device.block_path(), 0, 32, 'y'));
    EXPECT_EQ(told("allocated"), 32 * block);
    stop(one);
    stop(other);
}

// A load is written and read back: the driver's processes read and write only their map, which has
// a record for each block.
TEST_F(Thin, CopiesItsMapAndNothingElse) {
    constexpr std::uint64_t blocks = 256;
    create("64M");
    Program driver = serve({"--workers", "2"});
    const std::string path = path_of(driver);
    const auto workers = children_of(driver.pid());
    const std::uint64_t before = moved_by(workers);
    fill(path, 0, blocks, 'x');
    EXPECT_TRUE(reads(path, 0, blocks, 'x'));
    const std::uint64_t moved = moved_by(workers) - before;
    figure("thin, bytes of the load, both ways / moved by its processes",
           std::to_string(2 * blocks * block) + " / " + std::to_string(moved));
    EXPECT_GT(moved, 0u);
    EXPECT_LT(moved, blocks * 512);
    EXPECT_EQ(children_of(driver.pid()), workers);
    stop(driver);
}

// Mistakes: the message says what is wrong and what would be right, and nothing is left behind.
TEST_F(Thin, MistakesAreReported) {
    const auto complains = [](const Arguments& arguments, int status, const std::string& about) {
        const Outcome outcome = thin(arguments);
        EXPECT_EQ(outcome.status, status) << outcome.text();
        EXPECT_NE(outcome.text().find(about), std::string::npos) << outcome.text();
    };
    const std::string other = make_file("other", mib);
    complains({"create", store()}, 2, "--size");
    complains({"create", store(), "--size", "lots"}, 2, "lots");
    complains({"create", store(), "--size", "100000"}, 2, "131072");
    complains({"create", store(), "--size", "0"}, 2,
              "cannot have size 0; the minimum is one block");
    complains({"create", store(), "--size", "1G", "--block", "5000"}, 2, "power of two");
    complains({"create", store(), "--size", "8E"}, 2, "--block");
    complains({"create", other, "--size", "1G"}, 2, "not empty");
    complains({"create", folder(), "--size", "1G"}, 2, "neither a regular file nor a block device");
    complains({"create", "/nowhere/store", "--size", "1G"}, 1, "No such file");
    EXPECT_FALSE(std::filesystem::exists(store()));
    complains({"info", store()}, 1, store() + ".map");
    complains({"check", other, "--map", other}, 1, "is not the block map");
    complains({"serve", store()}, 1, "No such file");
    complains({}, 2, "subcommand");
    complains({"frobnicate"}, 2, "");
    complains({"serve", store(), "--workers", "0"}, 2, "workers");
    complains({"serve", store(), "--name", ""}, 2, "omit --name");
    complains({"--help"}, 0, "create");
    complains({"create", "--help"}, 0, "--block");

    create("64M");
    complains({"create", store(), "--map", map(), "--size", "1G"}, 2, "exists");
    complains({"serve", store(), "--map", map(), "userblk77"}, 1, "userblk77");
    TestDevice small(full_config(32 * mib)), plain(full_config(64 * mib));
    complains({"serve", store(), "--map", map(), small.name()}, 1, "bytes, but the volume has");
    complains({"serve", store(), "--map", map(), plain.name()}, 1, "--chunk-size 2M");
    const Outcome text = thin({"info", store(), "--map", map()});
    EXPECT_EQ(text.status, 0);
    EXPECT_NE(text.out.find("Allocated:    0"), std::string::npos) << text.out;
    shell("printf x | dd of=\"$1\" bs=1 seek=16 conv=notrunc status=none", {map()});
    complains({"check", store(), "--map", map()}, 1, "header");
    complains({"serve", store(), "--map", map()}, 1, "header");
}

} // namespace userblk::test
