// SPDX-License-Identifier: MIT
//
// Power cuts: a file system on a device whose store is a disk with a volatile cache. The disk's
// write log is cut where power could have failed, and the remains are mounted.
#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/fsynced_files.hpp"
#include "tests/system/support/library_driver.hpp"
#include "tests/system/support/logged_disk.hpp"
#include "tests/system/support/system_test.hpp"
#include "tests/system/support/write_log.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t disk_size = 512 * mib; // xfs wants more than 300

using Known = FsyncedFiles::Known;

// A point where power is cut: all entries up to one are on the disk; of those that follow, up to
// the end, only entries that a volatile cache cannot have kept to itself, and some of the others.
struct Cut {
    std::size_t whole, end;
};

// A log, and what was known to be durable at each of its marks.
struct History {
    const WriteLog& log;
    const FsyncedFiles& files;
    const std::vector<Known>& known;

    // At the newest mark before an entry; there always is one.
    const Known& known_before(std::size_t end) const {
        for (;;)
            if (const auto& entry = log.entries()[--end]; entry.is_mark())
                return known[std::stoul(entry.mark)];
    }
};

// Every point of the log, from the first mark on, where something became durable, and every flush
// that the power cut interrupts. With a limit: that many, spread evenly.
std::vector<Cut> cuts_of(const WriteLog& log, std::size_t limit) {
    const auto& entries = log.entries();
    const auto first = std::find_if(entries.begin(), entries.end(),
                                    [](const auto& entry) { return entry.is_mark(); });
    std::vector<Cut> all;
    std::size_t flushed = 0;
    for (std::size_t i = 0; i < entries.size(); i++) {
        const bool marked = entries.begin() + static_cast<std::ptrdiff_t>(i) >= first;
        const bool flush = entries[i].is_flush();
        if (marked && flush && flushed < i)
            all.push_back({flushed, i});
        if (marked && (flush || entries[i].is_durable() || entries[i].is_mark()))
            all.push_back({i + 1, i + 1});
        if (flush)
            flushed = i + 1;
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Cut& a, const Cut& b) { return a.whole < b.whole; });
    if (!limit || all.size() <= limit)
        return all;
    std::vector<Cut> some;
    for (std::size_t i = 0; i < limit; i++)
        some.push_back(all[(i + 1) * all.size() / limit - 1]);
    return some;
}

// The disk's state after each of the cuts, one after the other.
class Replay {
public:
    Replay(const History& history, std::string folder)
        : history_(history), folder_(std::move(folder)), base_(image("base")) {}

    // The image's path; the caller may change the image.
    std::string after(const Cut& cut) {
        const auto& entries = history_.log.entries();
        for (; done_ < cut.whole; done_++)
            history_.log.apply(entries[done_], base_.get());
        const Fd copy = image("copy");
        copy_data(base_.get(), copy.get());
        for (std::size_t i = cut.whole; i < cut.end; i++)
            if (!entries[i].is_volatile() || dice_.below(2))
                history_.log.apply(entries[i], copy.get());
        return folder_ + "/copy";
    }

private:
    Fd image(const std::string& name) const {
        Fd fd = Fd(
            ::open((folder_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!fd.open() || ::ftruncate(fd.get(), disk_size))
            throw_errno("unable to make an image");
        return fd;
    }
    // Without the holes.
    static void copy_data(int from, int to) {
        off_t at = 0;
        while ((at = ::lseek(from, at, SEEK_DATA)) >= 0) {
            const off_t end = ::lseek(from, at, SEEK_HOLE);
            for (off_t out = at; at < end;)
                if (::copy_file_range(from, &at, to, &out, static_cast<std::size_t>(end - at), 0) <=
                    0)
                    throw_errno("unable to copy an image");
        }
    }

    const History& history_;
    std::string folder_;
    Fd base_;
    std::size_t done_ = 0;
    Dice dice_;
};

// Mounts the image, so that the file system recovers its log; returns what is wrong with its
// required content and with the file system itself.
std::vector<std::string> examine(const std::string& type, const std::string& image,
                                 const std::string& point, const History& history,
                                 const Known& known) {
    succeed({"mkdir", "-p", point});
    const Outcome mounted = run({"mount", "-t", type, "-o", "loop", image, point});
    if (mounted.status)
        return {mounted.text()};
    std::vector<std::string> wrong = history.files.missing(point, known);
    succeed({"umount", point});
    const Outcome checked = run(type == "xfs" ? Arguments{"xfs_repair", "-n", "-f", image}
                                              : Arguments{"e2fsck", "-f", "-n", image},
                                3 * patience);
    if (checked.status)
        wrong.push_back(checked.text());
    return wrong;
}

std::size_t count(const WriteLog& log, bool (WriteLog::Entry::*what)() const) {
    return static_cast<std::size_t>(
        std::count_if(log.entries().begin(), log.entries().end(),
                      [=](const auto& entry) { return (entry.*what)(); }));
}

} // namespace

// The file writers, one thread each, and one that marks in the log what is durable.
class PowerCut : public SystemTest {
protected:
    // Runs until each writer has done that many steps.
    void start(FsyncedFiles& files, const LoggedDisk& disk, int steps) {
        running_ = 3;
        write(&FsyncedFiles::append, files, steps);
        write(&FsyncedFiles::overwrite, files, steps);
        write(&FsyncedFiles::replace, files, steps);
        threads_.emplace_back([this, &files, &disk] {
            while (running_)
                mark(files, disk);
        });
    }
    bool writing() const { return running_ > 0; }
    void finish() {
        for (std::thread& thread : threads_)
            thread.join();
        threads_.clear();
    }
    void mark(const FsyncedFiles& files, const LoggedDisk& disk) {
        known_.push_back(files.known());
        disk.mark(std::to_string(known_.size() - 1));
    }
    const std::vector<Known>& known() const { return known_; }

private:
    void write(void (FsyncedFiles::*step)(), FsyncedFiles& files, int steps) {
        threads_.emplace_back([this, step, &files, steps] {
            try {
                for (int i = 0; i < steps; i++)
                    (files.*step)();
            } catch (const std::exception& exception) {
                ADD_FAILURE() << exception.what();
            }
            running_--;
        });
    }

    std::vector<Known> known_;
    std::vector<std::thread> threads_;
    std::atomic<int> running_ = 0;
};

struct Layers {
    const char* type; // of file system
    const char* way;  // how data reach the disk
    bool fua;
};

std::ostream& operator<<(std::ostream& out, const Layers& layers) {
    return out << layers.type << ", " << layers.way << (layers.fua ? ", FUA" : ", no FUA");
}

class PowerCutOf : public PowerCut, public testing::WithParamInterface<Layers> {
protected:
    static userblk_config config() {
        userblk_config config = full_config(disk_size);
        config.flags |= USERBLK_F_REDIRECT;
        if (!GetParam().fua)
            config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_FUA);
        return config;
    }
    static bool redirected() { return GetParam().way != std::string("copied"); }
    static Supervisor serve(const TestDevice& device, const LoggedDisk& disk) {
        // Slow enough that a kill hits held requests.
        if (!redirected())
            return Supervisor(device, "delay=1ms,file:" + disk.path(), 3);
        Arguments options{"--redirect"};
        if (GetParam().way == std::string("direct"))
            options.push_back("--direct");
        return Supervisor(device, "file:" + disk.path(), 3, options);
    }
    // Kills one worker, or every third time all of them, while requests are held.
    std::vector<Blow> kill_while_writing(const TestDevice& device, const Supervisor& serve) const {
        Dice dice;
        std::vector<Blow> blows;
        while (writing()) {
            await_taken(device, 100ms);
            const auto kill = [&] {
                const std::vector<pid_t> workers = serve.workers();
                if (blows.size() % 3 == 2)
                    kill_each(workers);
                else if (!workers.empty())
                    kill_each({workers[dice.below(static_cast<unsigned int>(workers.size()))]});
            };
            blows.push_back(strike(device, kill, [] { std::this_thread::sleep_for(300ms); }));
        }
        return blows;
    }
    void tell(const WriteLog& log, std::size_t cuts, const std::vector<Blow>& blows) const {
        const std::string name = testing::PrintToString(GetParam());
        figure(name + ", kills / met requests",
               std::to_string(blows.size()) + " / " + std::to_string(count_met(blows)));
        figure(name + ", durable changes acknowledged", std::to_string(known().back().total()));
        figure(name + ", log: entries / flushes / FUA / marks",
               std::to_string(log.entries().size()) + " / " +
                   std::to_string(count(log, &WriteLog::Entry::is_flush)) + " / " +
                   std::to_string(count(log, &WriteLog::Entry::is_durable)) + " / " +
                   std::to_string(known().size()));
        figure(name + ", cuts examined", std::to_string(cuts));
    }
};

// Files are written and synced through a file system on the device while workers are killed. Then
// the log is cut after each flush, each durable write and each mark, and also before flushes, with
// part of what they covered: every time the file system mounts, is sound, and has everything that
// it had acknowledged before the last mark.
TEST_P(PowerCutOf, TakesNothingThatWasSynced) {
    allow_time(long_form() ? 3h : 300s);
    LoggedDisk disk(disk_size);
    TestDevice device(config());
    std::optional<FsyncedFiles> files;
    std::vector<Blow> blows;
    {
        Supervisor supervisor = serve(device, disk);
        ASSERT_TRUE(answers(device));
        make_file_system(GetParam().type, device.block_path());
        Mount mount(device.block_path(), folder() + "/mnt");
        files.emplace(mount.point());
        mark(*files, disk);
        // Fewer where each point is examined.
        start(*files, disk, in_form(20, 40));
        blows = kill_while_writing(device, supervisor);
        finish();
        mark(*files, disk);
        files->close();
        mount.unmount();
        EXPECT_EQ(info(device.control()).errors, 0u);
        supervisor.stop();
    }
    EXPECT_EQ(device.remove(), 0);
    const WriteLog log(disk.close());
    const History history{log, *files, known()};
    const std::vector<Cut> cuts = cuts_of(log, long_form() ? 0 : 6);
    Replay replay(history, folder());
    for (const Cut& cut : cuts)
        EXPECT_EQ(examine(GetParam().type, replay.after(cut), folder() + "/cut", history,
                          history.known_before(cut.end)),
                  std::vector<std::string>{})
            << "cut at " << cut.end << ", all up to " << cut.whole;
    EXPECT_GT(cuts.size(), 4u);
    if (!redirected()) {
        EXPECT_GT(count_met(blows), 0u);
    }
    tell(log, cuts.size(), blows);
}

std::vector<Layers> layers() {
    std::vector<Layers> result{{"ext4", "copied", false}, {"xfs", "direct", true}};
    if (long_form())
        result.insert(result.end(), {{"ext4", "direct", true},
                                     {"ext4", "redirected", true},
                                     {"xfs", "copied", true},
                                     {"xfs", "redirected", false}});
    return result;
}

INSTANTIATE_TEST_SUITE_P(Of, PowerCutOf, testing::ValuesIn(layers()), [](const auto& about) {
    return std::string(about.param.type) + "_" + about.param.way +
           (about.param.fua ? "_fua" : "_no_fua");
});

// A store that, from some moment on, reports completion too early.
class LyingBackend : public TransparentDecorator {
public:
    enum class About { flush, fua };

    LyingBackend(std::shared_ptr<Backend> inner, About about)
        : TransparentDecorator(std::move(inner)), about_(about) {}

    void begin() { lies_ = true; }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override {
        flags.fua = flags.fua && !(lies_ && about_ == About::fua);
        return Decorator::write(offset, data, flags);
    }
    std::error_code flush() override {
        return lies_ && about_ == About::flush ? std::error_code() : Decorator::flush();
    }

private:
    About about_;
    std::atomic<bool> lies_ = false;
};

class PowerCutWithALiar : public PowerCut {
protected:
    // What is wrong after a power cut that follows a step for which the store lied. Before that
    // step, everything is right.
    std::vector<std::string> wrong_with(LyingBackend::About about, void (FsyncedFiles::*step)()) {
        LoggedDisk disk(disk_size);
        TestDevice device(full_config(disk_size));
        std::optional<FsyncedFiles> files;
        {
            const auto store = std::make_shared<LyingBackend>(
                std::make_shared<FileBackend>(disk.path(), FileBackend::Mode::read_write), about);
            LibraryDriver driver(device, store, 2);
            make_file_system("ext4", device.block_path());
            Mount mount(device.block_path(), folder() + "/mnt");
            files.emplace(mount.point());
            mark(*files, disk);
            store->begin();
            ((*files).*step)();
            mark(*files, disk);
            files->close();
            mount.unmount();
        }
        EXPECT_EQ(device.remove(), 0);
        const WriteLog log(disk.close());
        const History history{log, *files, known()};
        const auto& entries = log.entries();
        std::vector<std::string> wrong;
        Replay replay(history, folder());
        for (std::size_t i = 1; i <= entries.size(); i++)
            if (entries[i - 1].is_mark()) {
                EXPECT_EQ(wrong, std::vector<std::string>{}) << "before it lied";
                wrong = examine("ext4", replay.after({i, i}), folder() + "/cut", history,
                                history.known_before(i));
            }
        return wrong;
    }
};

// The test would notice a FLUSH lost on the way: a store that ignores it loses what was appended
// and synced.
TEST_F(PowerCutWithALiar, AStoreThatIgnoresFlushIsCaught) {
    const auto wrong = wrong_with(LyingBackend::About::flush, &FsyncedFiles::append);
    EXPECT_FALSE(wrong.empty());
    figure("FLUSH ignored, first damage", wrong.empty() ? "none" : wrong.front());
}

// The same for FUA: a store that ignores it loses what was written with O_DSYNC.
TEST_F(PowerCutWithALiar, AStoreThatIgnoresFuaIsCaught) {
    const auto wrong = wrong_with(LyingBackend::About::fua, &FsyncedFiles::overwrite);
    EXPECT_FALSE(wrong.empty());
    figure("FUA ignored, first damage", wrong.empty() ? "none" : wrong.front());
}

} // namespace userblk::test
