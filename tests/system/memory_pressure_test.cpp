// SPDX-License-Identifier: MIT
//
// Memory is short, and reclaim waits for the device: its workers must not wait for memory in turn.
// Runs in a machine of 512 MiB with two disks (scripts/vm --memory 512M --disk 2G --disk 2G), which
// are the stores.
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <sys/mman.h>

#include "tests/support/control_group.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/memory_eater.hpp"
#include "tests/system/support/system_test.hpp"
#include "userblk/process_setup.hpp"

namespace userblk::test {

namespace {

// From /proc/meminfo (in bytes) and /proc/vmstat.
std::uint64_t memory(const std::string& name) {
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name + ":"))
            return std::stoull(line.substr(name.size() + 1)) * 1024;
    throw std::runtime_error("no " + name + " in /proc/meminfo");
}

std::uint64_t event(const std::string& name) {
    std::ifstream file("/proc/vmstat");
    std::string word;
    for (std::uint64_t value = 0; file >> word >> value;)
        if (word == name)
            return value;
    throw std::runtime_error("no " + name + " in /proc/vmstat");
}

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// A setting of the machine, restored at the end.
class Setting {
public:
    Setting(std::string path, const std::string& value)
        : path_(std::move(path)), before_(read_file(path_)) {
        std::ofstream(path_) << value;
    }
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;
    ~Setting() { std::ofstream(path_) << before_; }

private:
    std::string path_, before_;
};

// From /proc/PID/stat or a thread's stat.
unsigned long flags_of(const std::filesystem::path& proc) {
    const std::string text = read_file(proc / "stat");
    std::istringstream rest(text.substr(text.rfind(')') + 1));
    std::string word;
    for (int field = 3; field <= 9; field++)
        rest >> word;
    return std::stoul(word);
}

// What PR_SET_IO_FLUSHER sets: PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE.
constexpr unsigned long io_flusher = 0x00180000;

std::uint64_t locked_by(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("VmLck:"))
            return std::stoull(line.substr(6)) * 1024;
    return 0;
}

// How much of the memory store is locked in the process's memory.
std::uint64_t locked_of_store(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps");
    bool store = false;
    std::uint64_t resident = 0, sum = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.find('-') < line.find(' '))
            store =
                line.find("/dev/shm/userblk-") != std::string::npos && !line.ends_with("~discards");
        else if (line.starts_with("Rss:"))
            resident = std::stoull(line.substr(4)) * 1024;
        else if (store && line.starts_with("VmFlags:") && line.find(" lo ") != std::string::npos)
            sum += resident;
    }
    return sum;
}

std::string in_mib(std::uint64_t bytes) {
    return std::to_string(bytes / mib) + " MiB";
}

// A swap area on a block device.
class Swap {
public:
    explicit Swap(std::string device) : device_(std::move(device)) {
        succeed({"mkswap", device_});
        succeed({"swapon", device_});
    }
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;
    ~Swap() { off(); }
    // Switched off while the device is served.
    void off() {
        if (!device_.empty())
            succeed({"swapoff", std::exchange(device_, "")}, 10 * patience);
    }

private:
    std::string device_;
};

// Two files on a file system, overwritten again and again through the page cache, as fast as it
// accepts data.
class DirtyFiles {
public:
    DirtyFiles(const std::string& folder, std::uint64_t size)
        : chunks_(size / mib), files_{folder + "/a", folder + "/b"} {}

    // Writes this many bytes in total, in its own threads.
    void start(std::uint64_t total) {
        running_ = files_.size();
        for (const std::string& file : files_)
            threads_.emplace_back([this, &file, count = total / mib / files_.size()] {
                write(file, count);
                running_--;
            });
    }
    bool running() const { return running_ > 0; }
    std::uint64_t written() const { return written_; }
    // Waits for the end and verifies everything, read from the device.
    void finish() {
        for (std::thread& thread : threads_)
            thread.join();
        shell("sync -f \"$1\"; echo 3 >/proc/sys/vm/drop_caches", {files_[0]}, 10 * patience);
        for (const std::string& file : files_)
            EXPECT_EQ(count_wrong(file), 0u) << file;
    }

private:
    void write(const std::string& path, std::uint64_t count) {
        const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        for (std::uint64_t i = 0; i < count; i++) {
            const Buffer data = pattern(mib, i);
            if (::pwrite(fd.get(), data.data(), mib, static_cast<off_t>(i % chunks_ * mib)) !=
                static_cast<ssize_t>(mib)) {
                ADD_FAILURE() << "unable to write to " << path << ": " << std::strerror(errno);
                return;
            }
            written_ += mib;
        }
        count_ = count;
    }
    std::uint64_t count_wrong(const std::string& path) const {
        const Fd fd = open_file(path, O_RDONLY);
        std::uint64_t wrong = 0;
        Buffer data(mib);
        for (std::uint64_t i = count_ > chunks_ ? count_ - chunks_ : 0; i < count_; i++)
            wrong += ::pread(fd.get(), data.data(), mib, static_cast<off_t>(i % chunks_ * mib)) !=
                         static_cast<ssize_t>(mib) ||
                     !(data == pattern(mib, i));
        return wrong;
    }

    std::uint64_t chunks_;
    std::array<std::string, 2> files_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> running_ = 0;
    std::atomic<std::uint64_t> written_ = 0, count_ = 0;
};

// How data travel between the device and its store.
const Arguments copied{}, direct{"--redirect", "--direct"};

// What docs/memory.md recommends.
Arguments protected_by(const Arguments& more = {}) {
    Arguments options{"--lock-memory", "--oom-score-adj", "-1000", "--log-level", "debug"};
    options.insert(options.end(), more.begin(), more.end());
    return options;
}

} // namespace

class MemoryPressure : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        // The process that kills workers and looks for hangs must not hang itself.
        ASSERT_FALSE(lock_memory());
    }
    void TearDown() override {
        ::munlockall();
        SystemTest::TearDown();
    }

    static userblk_config config() {
        userblk_config config = full_config(device_size);
        config.flags |= USERBLK_F_REDIRECT;
        return config;
    }

    // Kills workers, spares included, at random, now and then all of them but one, until it is
    // over. Each time another worker survives: a machine without memory cannot start any. Records
    // for how long nothing progressed meanwhile.
    template <class Over, class Progress>
    void kill_until(const TestDevice& device, Supervisor& serve, Over&& over, Progress&& progress) {
        std::uint64_t last = progress();
        auto since = std::chrono::steady_clock::now();
        for (std::size_t i = 1; !over(); i++) {
            const auto kill = [&] {
                const std::vector<pid_t> others = all_but_one(serve);
                if (i % 5 == 0)
                    kill_each(others);
                else if (!others.empty())
                    kill_each({others[dice_.below(static_cast<unsigned int>(others.size()))]});
            };
            met_ += strike(device, kill, [] { std::this_thread::sleep_for(400ms); }).met;
            kills_++;
            most_dirty_ = std::max(most_dirty_, memory("Dirty") + memory("Writeback"));
            const auto now = std::chrono::steady_clock::now();
            longest_ = std::max(longest_, now - since);
            if (const std::uint64_t current = progress(); current != last) {
                last = current;
                since = now;
            }
        }
    }
    // All but one, picked at random, of those known to serve; none if there is no such one.
    std::vector<pid_t> all_but_one(Supervisor& serve) {
        const std::string log = serve.program().err();
        std::vector<pid_t> all = serve.workers(), serving;
        for (const pid_t pid : all)
            if (log.find("worker " + std::to_string(pid) + " serves") != std::string::npos)
                serving.push_back(pid);
        if (serving.empty())
            return {};
        std::erase(all, serving[dice_.below(static_cast<unsigned int>(serving.size()))]);
        return all;
    }
    void tell(const std::string& name) const {
        figure(name + ", kills / met requests",
               std::to_string(kills_) + " / " + std::to_string(met_));
        figure(name + ", longest standstill",
               std::vector<double>{std::chrono::duration<double, std::milli>(longest_).count()});
    }

    static constexpr std::uint64_t device_size = 1536 * mib;
    static constexpr const char* first_disk = "file:/dev/vda";
    static constexpr const char* second_disk = "file:/dev/vdb";
    Dice dice_;
    std::size_t kills_ = 0, met_ = 0;
    std::uint64_t most_dirty_ = 0;
    std::chrono::steady_clock::duration longest_{};
};

// ------------------------------------------------------------------ settings

// The supervisor, its workers and the spare have what the command line requests, in each of their
// threads: allocations that do not wait for I/O (according to the kernel, not to prctl's result),
// locked memory, a score that exempts them from the OOM killer. With more memory locked than an
// ordinary user may lock, they can still allocate after dropping their privileges.
TEST_F(MemoryPressure, ServeHasWhatReclaimNeeds) {
    TestDevice device(config());
    for (const Arguments& more : {Arguments{}, Arguments{"--user", "nobody", "--threads", "2"}}) {
        Supervisor serve(device, "mem:", 2, protected_by(more));
        ASSERT_TRUE(eventually([&] { return serve.workers().size() == 3; }));
        EXPECT_TRUE(answers(device));
        std::vector<pid_t> all = serve.workers();
        all.push_back(serve.pid());
        for (const pid_t pid : all) {
            const std::string proc = "/proc/" + std::to_string(pid);
            EXPECT_EQ(read_file(proc + "/oom_score_adj"), "-1000\n");
            EXPECT_TRUE(eventually([&] { return locked_by(pid) > 8 * mib; })) << locked_by(pid);
            for (const pid_t thread : threads_of(pid))
                EXPECT_EQ(flags_of(proc + "/task/" + std::to_string(thread)) & io_flusher,
                          io_flusher)
                    << thread;
        }
        serve.stop();
    }
}

// A worker dies while no process can be started: the spare takes its place and answers the request
// that the dead worker held. When processes can start again there is a new spare.
TEST_F(MemoryPressure, ASpareServesWhereNothingCanBeStarted) {
    ControlGroup group("+pids");
    TestDevice device(config());
    Supervisor serve(device, "delay=300ms,mem:", 1, protected_by());
    ASSERT_TRUE(eventually([&] { return serve.workers().size() == 2; }));
    EXPECT_TRUE(answers(device));
    group.add(serve.pid());
    for (const pid_t pid : serve.workers())
        group.add(pid);
    group.write("pids.max", "1");
    const Io io = device.read(0, 4096);
    const pid_t taker = some_taker(device);
    ASSERT_NE(taker, 0);
    kill_each({taker});
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(serve.workers().size(), 1u);
    group.write("pids.max", "max");
    EXPECT_TRUE(eventually([&] { return serve.workers().size() == 2; }));
    serve.stop();
}

// Everybody dies, and with them the locks that kept the memory store from being paged out. Each of
// their successors, the spare too, locks all stored data again before it serves.
TEST_F(MemoryPressure, TheMemoryStoreIsLockedByThoseWhoComeLater) {
    constexpr std::uint64_t stored = 8 * mib;
    TestDevice device(config());
    Supervisor serve(device, "mem:", 2, protected_by());
    for (std::uint64_t at = 0; at < stored; at += mib)
        EXPECT_EQ(device.write(64 * mib + at, pattern(mib, at))->result(), 0);
    serve.kill_all();
    serve = Supervisor(device, "mem:", 2, protected_by());
    EXPECT_TRUE(answers(device));
    ASSERT_TRUE(eventually([&] { return serve.workers().size() == 3; }));
    for (const pid_t pid : serve.workers())
        EXPECT_TRUE(eventually([&] { return locked_of_store(pid) >= stored; }))
            << locked_of_store(pid);
    serve.stop();
}

// ------------------------------------------------------------------ pressure

class WriteBack : public MemoryPressure, public testing::WithParamInterface<const char*> {
protected:
    static Arguments way() { return GetParam() == std::string("direct") ? direct : copied; }
};

// Several times the machine's memory is written through a file system on the device, nearly all of
// which may be dirty at once. Workers are killed all along. Everything progresses, and every byte
// is there.
TEST_P(WriteBack, OfMoreThanTheMemoryGoesOn) {
    allow_time(long_form() ? 30min : 10min);
    const Setting ratio("/proc/sys/vm/dirty_ratio", "80");
    const Setting background("/proc/sys/vm/dirty_background_ratio", "60");
    const std::uint64_t total = memory("MemTotal") * in_form(400, 12) / 10;
    TestDevice device(config());
    Supervisor serve(device, first_disk, 3, protected_by(way()));
    make_file_system("ext4", device.block_path());
    Mount mount(device.block_path(), folder() + "/mnt");
    DirtyFiles files(mount.point(), 300 * mib);
    files.start(total);
    kill_until(
        device, serve, [&] { return !files.running(); }, [&] { return files.written(); });
    files.finish();
    mount.unmount();
    check_file_system("ext4", device.block_path());
    EXPECT_EQ(info(device.control()).errors, 0u);
    if (way() == copied) {
        EXPECT_GT(met_, 0u);
    }
    EXPECT_GT(most_dirty_, memory("MemTotal") / 4) << "no memory pressure";
    tell(std::string("write-back, ") + GetParam());
    figure(std::string("write-back, ") + GetParam() + ", written / most of it dirty",
           in_mib(files.written()) + " / " + in_mib(most_dirty_));
    serve.stop();
}

INSTANTIATE_TEST_SUITE_P(Of, WriteBack, testing::Values("copied", "direct"),
                         [](const auto& about) { return std::string(about.param); });

class SwapOn : public WriteBack {};

// A process uses more memory than the machine has, and the rest is swapped to the device. Workers
// are killed all along. Everything progresses, and every page is intact.
TEST_P(SwapOn, ADeviceWhoseWorkersDieGoesOn) {
    allow_time(long_form() ? 30min : 10min);
    TestDevice device(config());
    Supervisor serve(device, second_disk, 3, protected_by(way()));
    Swap swap(device.block_path());
    const std::uint64_t before = event("pswpout");
    MemoryEater eater(memory("MemAvailable") + (long_form() ? 500 : 100) * mib);
    const auto end = std::chrono::steady_clock::now() + (long_form() ? 600s : 8s);
    kill_until(
        device, serve,
        [&] {
            return !eater.running() || (eater.filled() && std::chrono::steady_clock::now() > end);
        },
        [&] { return eater.pages(); });
    eater.finish();
    swap.off();
    EXPECT_EQ(info(device.control()).errors, 0u);
    const std::uint64_t swapped = (event("pswpout") - before) * 4096;
    EXPECT_GT(swapped, 50 * mib) << "no memory pressure";
    tell(std::string("swap, ") + GetParam());
    figure(std::string("swap, ") + GetParam() + ", swapped out", in_mib(swapped));
    serve.stop();
}

// Direct only: copying through the page cache needs memory for each page to be swapped out.
INSTANTIATE_TEST_SUITE_P(Of, SwapOn, testing::Values("direct"),
                         [](const auto& about) { return std::string(about.param); });

} // namespace userblk::test
