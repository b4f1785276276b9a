// SPDX-License-Identifier: MIT
//
// The drivers that do not touch the data, as they ship: stripe, which says where they lie; forward,
// which splices them to a peer; and, as the one to compare with, worker.py, which reads and writes
// them. Each under load, file systems and kills; and what passes through their memory is counted.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/system/fio.hpp"
#include "tests/system/system_test.hpp"

namespace userblk::test {

enum class Driver { stripe, forward, worker_py };

std::ostream& operator<<(std::ostream& out, Driver driver) {
    const char* names[] = {"stripe", "forward", "worker_py"};
    return out << names[static_cast<int>(driver)];
}

constexpr std::uint64_t unit = 256 << 10; // of stripe.cpp

std::string example(const std::string& name) {
    return std::string(USERBLK_EXAMPLES) + "/" + name;
}

// One of the drivers on a device, with its store; whoever is killed is replaced.
class Service {
public:
    Service(const TestDevice& device, Driver driver, std::vector<std::string> files)
        : control_(device.control_path()), files_(std::move(files)), driver_(driver) {
        if (driver == Driver::forward)
            start_peer();
        if (driver == Driver::stripe)
            programs_.push_back(start());
        else
            for (int i = 0; i < 3; i++)
                programs_.push_back(start());
        EXPECT_TRUE(answers(device));
    }

    // The processes that carry requests out.
    std::vector<pid_t> workers() const {
        if (driver_ == Driver::stripe)
            return children_of(programs_.front().pid());
        std::vector<pid_t> result;
        for (const Program& program : programs_)
            result.push_back(program.pid());
        return result;
    }
    void kill(pid_t pid) {
        if (driver_ == Driver::stripe)
            return kill_each({pid}); // its supervisor starts another
        for (Program& program : programs_)
            if (program.pid() == pid) {
                program.kill();
                program = start();
            }
    }
    // The other end of forward.
    Program& peer() { return peer_.front(); }
    void start_peer() {
        peer_.clear();
        peer_.push_back(Program({built("forward_peer"), socket(), files_.front()}));
        EXPECT_TRUE(eventually([&] { return std::filesystem::exists(socket()); }));
    }
    std::string socket() const { return files_.front() + ".sock"; }
    // They end by themselves when their device goes.
    void await_end() {
        for (Program& program : programs_) {
            const Outcome outcome = program.wait(2 * patience);
            EXPECT_EQ(outcome.status, 0) << outcome.text();
        }
    }

private:
    Arguments command() const {
        if (driver_ == Driver::forward)
            return {built("forward"), control_, socket()};
        if (driver_ == Driver::worker_py)
            return {"/usr/bin/python3", example("worker.py"), control_, files_.front()};
        Arguments argv{built("stripe"), control_, "--workers", "3", "--"};
        argv.insert(argv.end(), files_.begin(), files_.end());
        return argv;
    }
    // Started, and so far that it has the control node.
    Program start() const {
        Program program(command());
        EXPECT_TRUE(eventually([&] { return has_open(program.pid(), control_); })) << program.err();
        return program;
    }
    static bool has_open(pid_t pid, const std::string& path) {
        std::error_code error;
        const std::string folder = "/proc/" + std::to_string(pid);
        if (std::filesystem::read_symlink(folder + "/exe", error) ==
            std::filesystem::read_symlink("/proc/self/exe"))
            return false; // not begun yet: these are our descriptors
        for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", error))
            if (std::filesystem::read_symlink(entry, error) == path)
                return true;
        return false;
    }

    std::string control_;
    std::vector<std::string> files_;
    Driver driver_;
    std::vector<Program> peer_, programs_;
};

class Places : public SystemTest {
protected:
    // Where the driver keeps what is written: stripe on three, the others on one.
    std::vector<std::string> stores(Driver driver, std::uint64_t size) const {
        if (driver != Driver::stripe)
            return {make_file("store.img", size)};
        return {make_file("a.img", 0), make_file("b.img", 0), make_file("c.img", 0)};
    }
    static userblk_config config(Driver driver, std::uint64_t size) {
        userblk_config result = full_config(size);
        result.chunk_size = driver == Driver::stripe ? unit : 0;
        return result;
    }
};

class EachDriver : public Places, public testing::WithParamInterface<Driver> {};

// Workers are killed all the time under checked random writes, each while it holds requests. The
// others put back what it held: no error, and every byte is read back as it was written.
TEST_P(EachDriver, LosesNothingWhenWorkersAreKilledUnderFio) {
    const auto duration = in_form(60s, 6s);
    allow_time(duration + 240s);
    const auto files = stores(GetParam(), 64 * mib);
    TestDevice device(config(GetParam(), 64 * mib));
    Service service(device, GetParam(), files);
    Fio fio({.target = device.block_path(), .block = "16k", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    std::vector<Blow> blows;
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running())
        if (const pid_t victim = catch_holder(device, service.workers()))
            blows.push_back(strike(
                device, [&] { service.kill(victim); },
                [&] {
                    EXPECT_TRUE(await_healed(device));
                    std::this_thread::sleep_for(300ms);
                }));
    fio.finish();
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.errors, 0u);
    EXPECT_GT(count_met(blows), 0u);
    EXPECT_EQ(now.redirects > 0, GetParam() == Driver::stripe);
    std::ostringstream name;
    name << GetParam() << ", kills of those who held requests / put back / writes";
    figure(name.str(), std::to_string(count_met(blows)) + " / " + std::to_string(now.put_back) +
                           " / " + std::to_string(now.writes));
    device.remove();
    service.await_end();
}

// Blocks larger than a request may be, and through the page cache.
TEST_P(EachDriver, KeepsLargeAndBufferedWrites) {
    allow_time(180s);
    const auto files = stores(GetParam(), 64 * mib);
    TestDevice device(config(GetParam(), 64 * mib));
    Service service(device, GetParam(), files);
    verify_with_fio({.target = device.block_path(), .block = "1m", .size = in_form("24m", "8m"), .depth = 8});
    verify_with_fio({.target = device.block_path(),
                     .size = in_form("6m", "2m"),
                     .engine = "psync",
                     .depth = 1,
                     .direct = false});
    EXPECT_EQ(info(device.control()).errors, 0u);
}

INSTANTIATE_TEST_SUITE_P(Of, EachDriver,
                         testing::Values(Driver::stripe, Driver::forward, Driver::worker_py),
                         testing::PrintToStringParamName());

struct Filled {
    Driver driver;
    const char* type;
};

class Tree : public Places, public testing::WithParamInterface<Filled> {};

// A tree is copied onto a file system while workers are killed. The file system is in order, and
// when all of the driver was started anew, on a new device over the same store, it is all there.
TEST_P(Tree, IsCompleteInTheStore) {
    allow_time(400s);
    const auto [driver, type] = GetParam();
    const std::uint64_t size = 400 * mib;
    const auto files = stores(driver, size);
    const std::string expected = checksum_of_tree(sample_tree());
    {
        TestDevice device(config(driver, size));
        Service service(device, driver, files);
        make_file_system(type, device.block_path());
        Mount mount(device.block_path(), folder() + "/mnt");
        Program copier({"bash", "-euc",
                        "for i in 1 2; do cp -a \"$1\" \"$2/$i\"; sync -f \"$2\"; done", "copy",
                        sample_tree(), mount.point()});
        for (int i = 0; i < 3 && copier.running(); i++) {
            await_taken(device, 2s);
            service.kill(service.workers().front());
            std::this_thread::sleep_for(200ms);
        }
        EXPECT_EQ(copier.wait(6 * patience).status, 0) << copier.err();
        succeed({"rm", "-r", mount.point() + "/1"});
        succeed({"fstrim", mount.point()});
        mount.unmount();
        check_file_system(type, device.block_path());
        EXPECT_EQ(info(device.control()).errors, 0u);
    }
    TestDevice device(config(driver, size));
    Service service(device, driver, files);
    check_file_system(type, device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt", {"-o", "ro"});
    EXPECT_EQ(checksum_of_tree(mount.point() + "/2"), expected);
    mount.unmount();
}

INSTANTIATE_TEST_SUITE_P(
    On, Tree,
    testing::Values(Filled{Driver::stripe, "ext4"}, Filled{Driver::stripe, "xfs"},
                    Filled{Driver::forward, "ext4"}, Filled{Driver::forward, "xfs"},
                    Filled{Driver::worker_py, "ext4"}, Filled{Driver::worker_py, "xfs"}),
    [](const auto& about) {
        std::ostringstream name;
        name << about.param.driver << "_" << about.param.type;
        return name.str();
    });

// ------------------------------------------------------------ what is copied

// What a process read and wrote by system calls that take its memory, but for ioctl and sockets.
std::uint64_t read_and_written(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/io");
    std::uint64_t sum = 0;
    std::string name;
    for (std::uint64_t value; in >> name >> value;)
        if (name == "rchar:" || name == "wchar:")
            sum += value;
    return sum;
}

// How often a text is found in a process's memory that can be written to.
std::uint64_t found_in_memory(pid_t pid, const std::string& text) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const Fd memory = open_file(folder + "/mem", O_RDONLY);
    std::ifstream maps(folder + "/maps");
    std::uint64_t found = 0;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char permissions[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions) != 3 ||
            permissions[1] != 'w')
            continue;
        std::string piece(1 << 20, 0);
        while (begin < end) { // the text never crosses a page
            const auto n = pread(memory.get(), piece.data(), std::min(piece.size(), end - begin),
                                 static_cast<off_t>(begin));
            const auto length = n > 0 ? static_cast<std::size_t>(n) : 4096;
            for (std::size_t at = 0; n > 0 && (at = piece.find(text, at)) < length; at++)
                found++;
            begin += length;
        }
    }
    return found;
}

struct Copied {
    std::uint64_t counted = 0; // bytes
    std::uint64_t found = 0;   // pieces of the data, left in memory
};

class Copying : public Places {
protected:
    static constexpr std::uint64_t size = 16 * mib;

    Copying() : marker_("the data that nobody looks at, " + std::to_string(getpid()) + folder()) {
        marker_.resize(64, '.');
    }

    // Writes and reads the device, with data that are known again wherever they are.
    void load(const TestDevice& device) const {
        std::string block = marker_;
        block.resize(512, '-');
        std::ofstream out(folder() + "/data");
        for (std::uint64_t i = 0; i < size / block.size(); i++)
            out << block;
        out.close();
        shell(R"(dd if="$2/data" of="$1" bs=256k oflag=direct status=none
                 dd if="$1" of="$2/back" bs=256k iflag=direct status=none
                 cmp "$2/data" "$2/back")",
              {device.block_path(), folder()});
    }
    // What that makes these processes copy.
    Copied copied(const TestDevice& device, const std::vector<pid_t>& pids) const {
        Copied result;
        for (const pid_t pid : pids)
            result.counted -= read_and_written(pid);
        load(device);
        for (const pid_t pid : pids)
            ::kill(pid, SIGSTOP); // before they give memory back
        for (const pid_t pid : pids) {
            eventually_in_state(pid, 'T');
            result.counted += read_and_written(pid);
            result.found += found_in_memory(pid, marker_);
            ::kill(pid, SIGCONT);
        }
        return result;
    }
    static void tell(const std::string& name, const Copied& copied) {
        figure(name + ", bytes copied by its system calls / pieces of the data in its memory",
               std::to_string(copied.counted) + " / " + std::to_string(copied.found));
    }
    const std::string& marker() const { return marker_; }

private:
    std::string marker_;
};

// The same stripe, the same load of 16 MiB in both directions. Where redirecting is forbidden it
// copies all of it through its memory, and is seen to; where it is not, not a byte.
TEST_F(Copying, StripeCopiesNothing) {
    const auto files = stores(Driver::stripe, size);
    Copied with, without;
    {
        userblk_config forbidding = config(Driver::stripe, size);
        forbidding.flags |= USERBLK_F_NO_REDIRECT;
        TestDevice device(forbidding);
        Service service(device, Driver::stripe, files);
        without = copied(device, service.workers());
        EXPECT_EQ(info(device.control()).redirects, 0u);
    }
    TestDevice device(config(Driver::stripe, size));
    Service service(device, Driver::stripe, files);
    with = copied(device, service.workers());
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.redirects, now.gets - now.given_back);
    tell("stripe without REDIRECT", without);
    tell("stripe", with);
    EXPECT_GE(without.counted, 2 * size);
    EXPECT_GT(without.found, 0u);
    EXPECT_EQ(with.counted, 0u);
    EXPECT_EQ(with.found, 0u);
}

// forward and worker.py with the same load. The worker reads and writes all of it twice, which is
// seen; the relays none of it. The peer, which receives what is written, has it in its memory, so
// that it would have been found.
TEST_F(Copying, ForwardCopiesNothing) {
    allow_time(180s);
    const auto files = stores(Driver::forward, size);
    Copied python, relays, peer;
    {
        TestDevice device(config(Driver::worker_py, size));
        Service service(device, Driver::worker_py, files);
        python = copied(device, service.workers());
    }
    TestDevice device(config(Driver::forward, size));
    Service service(device, Driver::forward, files);
    relays = copied(device, service.workers());
    peer.found = found_in_memory(service.peer().pid(), marker());
    tell("worker.py", python);
    tell("forward", relays);
    tell("forward_peer", peer);
    EXPECT_GE(python.counted, 4 * size);
    EXPECT_GT(python.found, 0u);
    EXPECT_GT(peer.found, 0u);
    EXPECT_EQ(relays.counted, 0u);
    EXPECT_EQ(relays.found, 0u);
}

// ------------------------------------------------------------------- stripe

class Stripe : public Places, public testing::WithParamInterface<std::uint32_t> {
protected:
    // The device's bytes, taken from the files as RAID-0 defines them.
    static std::string gathered(const std::vector<std::string>& files, std::uint64_t size) {
        std::string result;
        std::vector<std::ifstream> in;
        for (const std::string& file : files)
            in.emplace_back(file, std::ios::binary);
        for (std::size_t i = 0; result.size() < size; i++) {
            std::string piece(std::min(unit, size - result.size()), 0);
            in[i % in.size()].seekg(static_cast<std::streamoff>(i / in.size() * unit));
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
    // What is done to the device is done to a file, too (tmpfs knows no O_DIRECT on 6.1).
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
    // Where the first difference is; the length if there is none.
    static std::size_t equal_up_to(const std::string& one, const std::string& other) {
        const auto end = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
        return static_cast<std::size_t>(end.first - one.begin());
    }
};

// Every byte is where RAID-0 says, in files read without userblk: of requests that lie in one unit,
// and, on a device that was made without a chunk size, of those that lie in several.
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
    EXPECT_EQ(std::filesystem::file_size(files[0]), 16 * unit + 65536);
    EXPECT_EQ(std::filesystem::file_size(files[1]), 16 * unit);
    EXPECT_EQ(std::filesystem::file_size(files[2]), 16 * unit);
    // Read by userblk, it is the same.
    shell("dd if=\"$1\" bs=3M iflag=direct status=none | cmp - \"$2\"",
          {device.block_path(), model});
    // A discarded range gives its space back to the files.
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

INSTANTIATE_TEST_SUITE_P(WithChunkSize, Stripe, testing::Values(0u, static_cast<unsigned>(unit)),
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

// It makes a device as large as its files allow, whose requests lie in one unit each. Started again
// with the same files, another device holds the same data. With --size the files are made longer.
TEST_F(StripeAlone, MakesItsDeviceOfItsFiles) {
    const std::string a = make_file("a.img", 5 * mib + 1000), b = make_file("b.img", 7 * mib);
    std::string written;
    {
        Program driver({built("stripe"), "--", a, b});
        const std::string path = ready(driver);
        EXPECT_EQ(size_of_block_device(path), 10 * mib);
        EXPECT_EQ(limit(path, "chunk_sectors"), std::to_string(unit / 512));
        EXPECT_EQ(limit(path, "optimal_io_size"), std::to_string(2 * unit));
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

// Disks will do as well as files.
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
        EXPECT_NE(longer.err.find("unable to make " + disks[0]), std::string::npos) << longer.err;
    }
    for (const std::string& disk : disks)
        succeed({"losetup", "--detach", disk});
}

// What is wrong is said.
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

// ------------------------------------------------------------------ forward

class Forward : public Places {
protected:
    Fd connect(const std::string& path) const {
        Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{AF_UNIX, {}};
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)))
            throw_errno("unable to connect to " + path);
        EXPECT_EQ(heard(fd), 0) << "no greeting";
        return fd;
    }
    // The peer's word; 1 for none.
    static int heard(const Fd& fd) {
        std::int32_t status = 1;
        return recv(fd.get(), &status, sizeof(status), MSG_WAITALL) == sizeof(status) ? status : 1;
    }
    static void send_write(const Fd& fd, std::uint32_t generation, char content) {
        userblk_request request{};
        request.id = static_cast<std::uint64_t>(generation) << 32 | 7;
        request.op = USERBLK_OP_WRITE;
        request.length = 512;
        const std::string data(512, content);
        send(fd.get(), &request, sizeof(request), MSG_NOSIGNAL);
        send(fd.get(), data.data(), data.size(), MSG_NOSIGNAL);
    }
};

// The peer is killed under load. Requests wait, and nobody sees an error; a new peer on the same
// file gets them, and those that had been given to the dead one. Relays are killed meanwhile, too.
TEST_F(Forward, WaitsForItsPeer) {
    const auto duration = 12s;
    allow_time(240s);
    const auto files = stores(Driver::forward, 64 * mib);
    TestDevice device(full_config(64 * mib));
    Service service(device, Driver::forward, files);
    Fio fio({.target = device.block_path(), .block = "16k", .runtime = duration});
    ASSERT_TRUE(fio.await_traffic(device));
    for (int i = 0; i < 3 && fio.running(); i++) {
        service.peer().kill();
        EXPECT_TRUE(eventually([&] { return info(device.control()).given_back > 0; }));
        if (i == 1)
            service.kill(service.workers().front());
        std::filesystem::remove(service.socket());
        service.start_peer();
        std::this_thread::sleep_for(1500ms);
    }
    fio.finish();
    EXPECT_EQ(info(device.control()).errors, 0u);
    figure("forward without its peer, requests given back",
           std::to_string(info(device.control()).given_back));
    // Without a peer its relays still end when the device does.
    service.peer().kill();
    device.remove();
    service.await_end();
}

// A write of a dead relay comes late, when its request had been brought again by another one: it is
// refused. When all have hung up, another device begins with low generations.
TEST_F(Forward, PeerRefusesWhatComesLate) {
    const std::string store = make_file("store.img", mib), path = folder() + "/peer";
    Program peer({built("forward_peer"), path, store});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(path); }));
    const auto first_byte = [&] { return std::ifstream(store).get(); };
    {
        const Fd dead = connect(path), living = connect(path);
        send_write(living, 12, 'n');
        EXPECT_EQ(heard(living), 0);
        send_write(dead, 11, 'o');
        EXPECT_EQ(heard(dead), 1) << "an old request was answered";
        EXPECT_EQ(first_byte(), 'n');
        send_write(living, 12, 'm');
        EXPECT_EQ(heard(living), 0);
    }
    EXPECT_TRUE(eventually([&] {
        const Fd fresh = connect(path);
        send_write(fresh, 1, 'x');
        return heard(fresh) == 0;
    }));
    EXPECT_EQ(first_byte(), 'x');
    const Outcome other = run({built("forward_peer"), path + "2", store});
    EXPECT_EQ(other.status, 1);
    EXPECT_NE(other.err.find("lock " + store), std::string::npos) << other.err;
}

// A device that is larger than the peer's file: an error there, and only there.
TEST_F(Forward, DeviceLargerThanTheFile) {
    const std::vector<std::string> files{make_file("store.img", mib)};
    TestDevice device(full_config(2 * mib));
    Service service(device, Driver::forward, files);
    EXPECT_EQ(device.write(0, Buffer(4096))->result(), 0);
    EXPECT_EQ(device.write(mib, Buffer(4096))->result(), EIO);
    EXPECT_EQ(device.read(mib, 4096)->result(), EIO);
    EXPECT_EQ(device.read(mib - 4096, 4096)->result(), 0);
}

TEST_F(Forward, SaysWhatIsWrong) {
    const auto complains = [](const Arguments& argv, int status, const std::string& about) {
        const Outcome outcome = run(argv);
        EXPECT_EQ(outcome.status, status) << outcome.text();
        EXPECT_NE(outcome.err.find(about), std::string::npos) << outcome.err;
    };
    complains({built("forward")}, 2, "usage: forward");
    complains({built("forward"), "/dev/null", "x"}, 1, "/dev/null: Inappropriate");
    complains({built("forward"), "/dev/none", "x"}, 1, "/dev/none: No such file");
    complains({built("forward_peer")}, 2, "usage: forward_peer");
    complains({built("forward_peer"), folder() + "/s", folder() + "/none"}, 1, "No such file");
    complains({"/usr/bin/python3", example("worker.py")}, 2, "usage: worker.py");
    complains({"/usr/bin/python3", example("worker.py"), "/dev/none", "x"}, 1, "No such file");
}

} // namespace userblk::test
