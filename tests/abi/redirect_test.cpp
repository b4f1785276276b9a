// SPDX-License-Identifier: MIT
//
// The kernel carries requests out on files of every kind. The bytes are at their offset, and
// nothing around them changes.
#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/traffic.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t backing_size = 24u << 20;

userblk_config full_config(std::uint64_t size = default_size) {
    userblk_config config = test_config(size);
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    config.max_transfer = 4 << 20;
    return config;
}

// A userblk device with an ordinary worker.
struct ServedDevice {
    Store store = make_store(backing_size);
    TestDevice device{full_config(backing_size)};
    Server server{device, store};
};

// The file to redirect to: "tmpfs", "overlay", "ext4", "loop", "userblk", or one of the last three
// with "_direct".
class Backing {
public:
    explicit Backing(const std::string& kind) {
        const int direct = kind.ends_with("_direct") ? O_DIRECT : 0;
        if (kind == "tmpfs") {
            file_system_ = std::make_unique<FileSystem>(2 * backing_size);
        } else if (kind.starts_with("ext4")) {
            loop_ = std::make_unique<LoopDevice>(64 << 20);
            file_system_ = std::make_unique<FileSystem>("ext4", loop_->path());
        } else if (kind.starts_with("loop")) {
            loop_ = std::make_unique<LoopDevice>(backing_size);
            fd_ = open_file(loop_->path(), O_RDWR | direct);
        } else if (kind.starts_with("userblk")) {
            served_ = std::make_unique<ServedDevice>();
            fd_ = open_file(served_->device.block_path(), O_RDWR | direct);
        } else {
            char path[] = "/var/tmp/userblk-XXXXXX";
            fd_ = Fd(mkstemp(path));
            unlink(path);
            EXPECT_EQ(ftruncate(fd_.get(), backing_size), 0);
        }
        if (file_system_)
            fd_ = file_system_->make_file("file", backing_size, direct);
    }
    int fd() const { return fd_.get(); }

private:
    // In this order: a file is destroyed before what it lies on.
    std::unique_ptr<ServedDevice> served_;
    std::unique_ptr<LoopDevice> loop_;
    std::unique_ptr<FileSystem> file_system_;
    Fd fd_;
};

// Redirects all requests to the file, shifted by that many bytes.
Server redirecting(const TestDevice& device, int fd, std::uint64_t shift) {
    return Server(device, [=](const userblk_request& request) {
        return redirect(request, fd, request.op == USERBLK_OP_FLUSH ? 0 : request.offset + shift);
    });
}

int range_ioctl(int fd, unsigned long command, std::uint64_t offset, std::uint64_t length) {
    std::uint64_t range[2] = {offset, length};
    return ioctl_error(fd, command, range);
}

std::size_t longest(const std::vector<userblk_request>& requests, int op) {
    std::size_t length = 0;
    for (const userblk_request& request : requests)
        if (request.op == op)
            length = std::max<std::size_t>(length, request.length);
    return length;
}

bool saw(const std::vector<userblk_request>& requests, int op, std::uint32_t flags) {
    for (const userblk_request& request : requests)
        if (request.op == op && (request.flags & ~USERBLK_REQ_NO_PAYLOAD) == flags)
            return true;
    return false;
}

} // namespace

class RedirectTo : public KernelTest, public testing::WithParamInterface<const char*> {
protected:
    Backing backing{GetParam()};
    TestDevice device{full_config()};

    int fd() const { return backing.fd(); }

    // The blocks before and behind a range, to check that they do not change.
    struct Neighbours {
        Buffer before, behind;
        bool operator==(const Neighbours& other) const = default;
    };
    Neighbours neighbours(std::uint64_t at, std::size_t length) const {
        return {file_content(fd(), at - 512, 512), file_content(fd(), at + length, 512)};
    }
    void paint(std::uint64_t at, std::size_t length) const {
        write_to_file(fd(), at - 4096, pattern(length + 8192, at));
    }

    // Data written through the device is in the file; data written to the file is on the device.
    void expect_round_trip(std::uint64_t offset, std::size_t length, std::uint64_t shift,
                           int rw_flags = 0) {
        const std::uint64_t at = offset + shift;
        paint(at, length);
        const Neighbours old = neighbours(at, length);
        const Buffer first = pattern(length, length), second = pattern(length, offset + 1);
        EXPECT_EQ(device.write(offset, pattern(length, length), rw_flags)->result(), 0);
        EXPECT_EQ(file_content(fd(), at, length), first) << offset << ' ' << length;
        EXPECT_EQ(neighbours(at, length), old) << offset << ' ' << length;
        const Io again = device.read(offset, length);
        EXPECT_EQ(again->result(), 0);
        EXPECT_EQ(again->data(), first) << offset << ' ' << length;
        write_to_file(fd(), at, second);
        const Io changed = device.read(offset, length);
        EXPECT_EQ(changed->result(), 0);
        EXPECT_EQ(changed->data(), second) << offset << ' ' << length;
    }
    // The operation zeroes the range, or with may_stay may leave it, and its neighbours do not
    // change.
    void expect_zeroes(std::uint64_t at, std::size_t length, const std::function<int()>& operation,
                       bool may_stay = false) {
        paint(at, length);
        const Neighbours old = neighbours(at, length);
        const Io io = device.start(operation);
        EXPECT_EQ(io->result(), 0);
        EXPECT_TRUE(file_content(fd(), at, length).all(0) || may_stay);
        EXPECT_EQ(neighbours(at, length), old);
    }
    // The kernel carried out everything without error.
    void expect_all_redirected(const Server& server) {
        // Readahead may continue for a while.
        EXPECT_TRUE(eventually([&] {
            const userblk_info now = info(device.control());
            return !now.queued && !now.taken && !now.redirected;
        }));
        const userblk_info now = info(device.control());
        EXPECT_EQ(now.redirects, server.seen().size());
        EXPECT_EQ(now.errors, 0u);
        EXPECT_EQ(now.taken, 0u);
    }
};

INSTANTIATE_TEST_SUITE_P(Files, RedirectTo,
                         testing::Values("tmpfs", "overlay", "ext4", "ext4_direct", "loop",
                                         "loop_direct", "userblk", "userblk_direct"),
                         [](const auto& parameter) { return std::string(parameter.param); });

// One block to many, at the same offset in the file and shifted by whole blocks.
TEST_P(RedirectTo, ReadsAndWritesAreAtTheirPlace) {
    for (const std::uint64_t shift : {0u, 1u << 20, 4u << 20 | 512u}) {
        Server server = redirecting(device, fd(), shift);
        for (const std::size_t length : {512u, 4096u, 4608u, 66048u, 262144u})
            for (const std::uint64_t offset : {1u << 20, (2u << 20) + 512u})
                expect_round_trip(offset, length, shift);
    }
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// An offset that is not block-aligned, even with O_DIRECT.
TEST_P(RedirectTo, PlacesNeedNoAlignment) {
    for (const std::uint64_t shift : {1u, 513u, 4095u}) {
        Server server = redirecting(device, fd(), shift);
        for (const std::size_t length : {512u, 4096u, 65536u})
            expect_round_trip(1 << 20, length, shift);
    }
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// The largest request, of several bios.
TEST_P(RedirectTo, FourMegabytesAtOnce) {
    const std::string limit = "/sys/block/" + device.name() + "/queue/max_sectors_kb";
    std::ofstream(limit) << 4096 << std::flush;
    for (const std::uint64_t shift : {0u, 513u}) {
        Server server = redirecting(device, fd(), shift);
        expect_round_trip(4 << 20, 4 << 20, shift);
        EXPECT_EQ(longest(server.seen(), USERBLK_OP_WRITE), 4u << 20);
        EXPECT_EQ(longest(server.seen(), USERBLK_OP_READ), 4u << 20);
    }
}

// Single pages from the page cache and single blocks in it, merged on the way.
TEST_P(RedirectTo, MergedRequestsOfManyPages) {
    constexpr std::size_t length = 1 << 20;
    Server server = redirecting(device, fd(), 1 << 20);
    const Buffer data = pattern(length, 5);
    {
        const Fd cached = open_file(device.block_path(), O_RDWR);
        const int cached_fd = cached.get();
        const Io io = device.start([&, cached_fd] {
            for (std::size_t at = 0; at < length; at += 512)
                if (pwrite(cached_fd, data.data() + at, 512, static_cast<off_t>(at)) != 512)
                    return errno;
            return fsync(cached_fd) ? errno : 0;
        });
        ASSERT_EQ(io->result(), 0);
    }
    EXPECT_GT(longest(server.seen(), USERBLK_OP_WRITE), 65536u);
    EXPECT_EQ(file_content(fd(), 1 << 20, length), data);
    Buffer back(length);
    const Fd cached = open_file(device.block_path(), O_RDONLY);
    const int cached_fd = cached.get();
    const Io io = device.start([&, cached_fd] {
        ioctl(cached_fd, BLKFLSBUF, 0);
        return pread(cached_fd, back.data(), length, 0) == length ? 0 : errno;
    });
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(back, data);
    expect_all_redirected(server);
}

// Requests without data, and a write that must be on stable storage.
TEST_P(RedirectTo, FlushFuaDiscardAndZeroes) {
    constexpr std::uint64_t shift = 1 << 20, offset = 2 << 20, length = 256 << 10;
    Server server = redirecting(device, fd(), shift);
    const int block = device.block();
    expect_round_trip(1 << 20, 8192, shift, RWF_DSYNC);
    EXPECT_EQ(device.flush()->result(), 0);
    expect_zeroes(offset + shift, length,
                  [=] { return range_ioctl(block, BLKDISCARD, offset, length); });
    expect_zeroes(offset + shift, length,
                  [=] { return range_ioctl(block, BLKZEROOUT, offset, length); });
    expect_zeroes(offset + shift, length, [=] { return punch(block, offset, length); });
    EXPECT_TRUE(saw(server.seen(), USERBLK_OP_WRITE, USERBLK_REQ_FUA));
    EXPECT_TRUE(saw(server.seen(), USERBLK_OP_FLUSH, 0));
    EXPECT_TRUE(saw(server.seen(), USERBLK_OP_DISCARD, 0));
    EXPECT_TRUE(saw(server.seen(), USERBLK_OP_WRITE_ZEROES, 0));
    EXPECT_TRUE(saw(server.seen(), USERBLK_OP_WRITE_ZEROES, USERBLK_REQ_NOUNMAP));
    expect_all_redirected(server);
}

// Zeros are written at unaligned offsets, too; a discard there may leave all or some of the range
// as it was.
TEST_P(RedirectTo, DiscardsAndZeroesNeedNoAlignment) {
    constexpr std::uint64_t shift = 513, offset = 2 << 20, length = 128 << 10;
    Server server = redirecting(device, fd(), shift);
    const int block = device.block();
    expect_zeroes(
        offset + shift, length, [=] { return range_ioctl(block, BLKDISCARD, offset, length); },
        true);
    expect_zeroes(offset + shift, length,
                  [=] { return range_ioctl(block, BLKZEROOUT, offset, length); });
    expect_zeroes(offset + shift, length, [=] { return punch(block, offset, length); });
    expect_all_redirected(server);
}

// Many requests in flight at once, reads and writes.
TEST_P(RedirectTo, ManyAtOnce) {
    Server server = redirecting(device, fd(), 1 << 20);
    for (std::uint64_t round = 0; round < 4; round++)
        write_and_compare(device, places(32, round), 16384);
    expect_all_redirected(server);
}

class Redirect : public KernelTest {};

// A WRITE behind the end extends the file; so do zeros, since they can be read afterwards.
TEST_F(Redirect, MakesTheFileLonger) {
    TestDevice device(full_config());
    for (const bool on_disk : {false, true}) {
        std::unique_ptr<LoopDevice> loop;
        std::unique_ptr<FileSystem> file_system;
        Fd file = memory_file(0);
        if (on_disk) {
            loop = std::make_unique<LoopDevice>(64 << 20);
            file_system = std::make_unique<FileSystem>("ext4", loop->path());
            file = file_system->make_file("file", 0);
        }
        const int fd = file.get(), block = device.block();
        Server server = redirecting(device, fd, 0);
        EXPECT_EQ(device.write(65536, pattern(4096, 1))->result(), 0);
        EXPECT_EQ(lseek(fd, 0, SEEK_END), 65536 + 4096);
        EXPECT_EQ(file_content(fd, 65536, 4096), pattern(4096, 1));
        std::uint64_t at = 1 << 20;
        for (const bool unmap : {false, true}) {
            const Io zeroes = device.start([=] {
                return unmap ? punch(block, at, 65536) : range_ioctl(block, BLKZEROOUT, at, 65536);
            });
            EXPECT_EQ(zeroes->result(), 0);
            const Io read = device.read(at, 65536);
            EXPECT_EQ(read->result(), 0) << "zeros that cannot be read";
            EXPECT_TRUE(read->data().all(0));
            at *= 2;
        }
    }
}

class RedirectedFileSystem : public KernelTest, public testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Types, RedirectedFileSystem, testing::Values("ext4", "xfs"),
                         [](const auto& parameter) { return std::string(parameter.param); });

// A file system on a device whose requests all go directly to a sparse file: all kinds of memory
// that it uses for I/O are redirected. Mounted again, its files are unchanged.
TEST_P(RedirectedFileSystem, KeepsItsFiles) {
    constexpr std::uint64_t size = 320u << 20;
    const LoopDevice loop(512 << 20);
    const FileSystem under("ext4", loop.path());
    const Fd file = under.make_file("image", 0, O_DIRECT);
    ASSERT_EQ(ftruncate(file.get(), size), 0);
    TestDevice device(full_config(size));
    Server server = redirecting(device, file.get(), 0);
    {
        const FileSystem on_top(GetParam(), device.block_path());
        for (int i = 0; i < 20; i++) {
            const Fd one = on_top.make_file(std::to_string(i), 0);
            write_to_file(one.get(), 0, pattern(100'000, static_cast<std::uint64_t>(i)));
            write_to_file(one.get(), 1 << 20, pattern(5'000, static_cast<std::uint64_t>(i)));
        }
        EXPECT_EQ(run_command({"umount", on_top.path()}).status, 0);
        EXPECT_EQ(
            run_command({"mount", "-t", GetParam(), device.block_path(), on_top.path()}).status, 0);
        for (int i = 0; i < 20; i++) {
            const Fd one = open_file(on_top.path() + "/" + std::to_string(i), O_RDONLY);
            EXPECT_EQ(file_content(one.get(), 0, 100'000),
                      pattern(100'000, static_cast<std::uint64_t>(i)));
            EXPECT_TRUE(file_content(one.get(), 200'000, 4096).all(0));
            EXPECT_EQ(file_content(one.get(), 1 << 20, 5'000),
                      pattern(5'000, static_cast<std::uint64_t>(i)));
        }
    }
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// The worker opens the file and then drops its privileges: the descriptor's permission counts.
TEST_F(Redirect, PermissionIsTheDescriptors) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_REDIRECT;
    config.uid = nobody;
    TestDevice device(config);
    const Folder folder;
    const std::string path = folder.path() + "/secret";
    const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(ftruncate(file.get(), default_size), 0);
    const Io write = device.write(4096, pattern(4096, 3)), read = device.read(65536, 4096);
    Child worker([&](ChildSide&) -> int {
        drop_privileges();
        if (open(path.c_str(), O_RDONLY) >= 0)
            return 1;
        const Fd control = device.open_control();
        for (int i = 0; i < 2; i++) {
            const userblk_request request = take(control.get());
            if (put(control.get(), redirect(request, file.get(), request.offset)))
                return 2;
        }
        return 0;
    });
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(write->result(), 0);
    EXPECT_EQ(read->result(), 0);
    EXPECT_TRUE(read->data().all(0));
    EXPECT_EQ(file_content(file.get(), 4096, 4096), pattern(4096, 3));
}

// Several in one PUT, and in one SERVE, to different files, beside another kind of answer and a
// refused one.
TEST_F(Redirect, InABatch) {
    TestDevice device;
    const Fd one = memory_file(default_size), other = memory_file(default_size);
    write_to_file(one.get(), 0, pattern(65536, 1));
    write_to_file(other.get(), 0, pattern(65536, 2));
    const std::vector<Io> ios = device.read_many(5);
    const std::vector<userblk_request> requests = take_each(device.control(), 4);
    userblk_answer answers[] = {redirect(requests[0], one.get(), 8192),
                                redirect(requests[1], 9999, 0), complete(requests[2].id, -ENOSPC),
                                redirect(requests[3], other.get(), 512)};
    EXPECT_EQ(put(device.control(), answers).failed, 1u);
    EXPECT_EQ(answers[1].result, -EBADF);
    userblk_answer again = redirect(requests[1], other.get(), 0);
    userblk_request next = record();
    userblk_serve argument = serve_argument({&again, 1}, {&next, 1}, a_while);
    EXPECT_EQ(serve(device.control(), argument), 0);
    EXPECT_EQ(argument.put.failed, 0u);
    ASSERT_EQ(argument.get.count, 1u);
    EXPECT_EQ(put(device.control(), redirect(next, one.get(), 0)), 0);
    EXPECT_EQ(ios[0]->result(), 0);
    EXPECT_EQ(ios[0]->data(), file_content(one.get(), 8192, 4096));
    EXPECT_EQ(ios[1]->result(), 0);
    EXPECT_EQ(ios[1]->data(), file_content(other.get(), 0, 4096));
    EXPECT_EQ(ios[2]->result(), ENOSPC);
    EXPECT_EQ(ios[3]->result(), 0);
    EXPECT_EQ(ios[3]->data(), file_content(other.get(), 512, 4096));
    EXPECT_EQ(ios[4]->result(), 0);
    EXPECT_EQ(ios[4]->data(), file_content(one.get(), 0, 4096));
}

namespace {

// Watches a file with fanotify permission events and allows or denies every access.
class Watcher {
public:
    Watcher(int file, std::uint64_t accesses)
        : group_(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY)) {
        EXPECT_GE(group_.get(), 0) << errno;
        const int failed = fanotify_mark(group_.get(), FAN_MARK_ADD, accesses, file, nullptr);
        unknown_ = failed && errno == EINVAL;
        EXPECT_TRUE(!failed || unknown_) << errno;
    }
    ~Watcher() {
        leaving_ = true;
        thread_.join();
    }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    void deny() { response_ = FAN_DENY; }
    unsigned asked() const { return asked_; }
    // The kernel was built without permission events, as ours for tests are.
    bool is_unknown() const { return unknown_; }

private:
    void watch() {
        while (!leaving_) {
            pollfd entry{group_.get(), POLLIN, 0};
            fanotify_event_metadata event;
            if (poll(&entry, 1, 20) <= 0 ||
                read(group_.get(), &event, sizeof(event)) != sizeof(event))
                continue;
            const Fd seen(event.fd);
            asked_++;
            const fanotify_response answer{event.fd, response_};
            EXPECT_EQ(write(group_.get(), &answer, sizeof(answer)), ssize_t{sizeof(answer)});
        }
    }

    Fd group_;
    bool unknown_ = false;
    std::atomic<bool> leaving_ = false;
    std::atomic<unsigned> asked_ = 0;
    std::atomic<std::uint32_t> response_ = FAN_ALLOW;
    std::thread thread_{[this] { watch(); }};
};

} // namespace

// A call whose answers go to one file looks it up once. A watcher is asked about each of them all
// the same, and may deny it.
TEST_F(Redirect, WatcherIsAskedAboutEachAnswer) {
    TestDevice device;
    const Folder folder;
    const std::string path = folder.path() + "/watched";
    const Fd store(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ASSERT_EQ(ftruncate(store.get(), default_size), 0);
    write_to_file(store.get(), 0, pattern(65536, 1));
    const auto expected = file_content(store.get(), 8192, 4096);
    Watcher watcher(store.get(), FAN_ACCESS_PERM);
    if (watcher.is_unknown())
        GTEST_SKIP() << "this kernel asks nobody (CONFIG_FANOTIFY_ACCESS_PERMISSIONS)";
    const Fd file = open_file(path, O_RDWR); // only later opens may be asked about
    const std::vector<Io> ios = device.read_many(4);
    const std::vector<userblk_request> requests = take_each(device.control(), 4);
    std::vector<userblk_answer> answers;
    for (const userblk_request& request : requests)
        answers.push_back(redirect(request, file.get(), 8192));
    EXPECT_EQ(put(device.control(), std::span(answers).first(3)).failed, 0u);
    EXPECT_EQ(watcher.asked(), 3u);
    watcher.deny();
    EXPECT_EQ(put(device.control(), answers[3]), EPERM);
    EXPECT_EQ(watcher.asked(), 4u);
    EXPECT_EQ(put(device.control(), complete(requests[3].id, -ENOSPC)), 0);
    for (std::size_t i = 0; i < 3; i++) {
        EXPECT_EQ(ios[i]->result(), 0);
        EXPECT_EQ(ios[i]->data(), expected);
    }
    EXPECT_EQ(ios[3]->result(), ENOSPC);
}

// With chunks a discard is split, and each part may be redirected elsewhere.
TEST_F(Redirect, PiecesOfADiscardGoTheirWays) {
    userblk_config config = full_config();
    config.chunk_size = 65536;
    TestDevice device(config);
    const Fd files[] = {memory_file(default_size), memory_file(default_size)};
    for (const Fd& file : files)
        write_to_file(file.get(), 0, pattern(1 << 20, 1));
    Server server(device, [&](const userblk_request& request) {
        return redirect(request, files[request.offset / 65536 % 2].get(), request.offset);
    });
    const int block = device.block();
    const Io io = device.start([=] { return range_ioctl(block, BLKZEROOUT, 32768, 262144); });
    EXPECT_EQ(io->result(), 0);
    for (const userblk_request& request : server.seen())
        EXPECT_LE(request.offset % 65536 + request.length, 65536u);
    EXPECT_GE(server.seen().size(), 5u);
    EXPECT_TRUE(file_content(files[0].get(), 32768, 32768).all(0));
    EXPECT_FALSE(file_content(files[0].get(), 65536, 65536).all(0));
    EXPECT_TRUE(file_content(files[1].get(), 65536, 65536).all(0));
    EXPECT_TRUE(file_content(files[0].get(), 131072, 65536).all(0));
}

} // namespace userblk::test
