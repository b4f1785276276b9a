// SPDX-License-Identifier: MIT
//
// Files that a request cannot be redirected to: each is refused with its own error, and the request
// stays taken.
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/support/any_operation.hpp"
#include "tests/support/files.hpp"
#include "tests/support/fuse_file.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

namespace {

constexpr int all_ops[] = {USERBLK_OP_READ, USERBLK_OP_WRITE, USERBLK_OP_FLUSH, USERBLK_OP_DISCARD,
                           USERBLK_OP_WRITE_ZEROES};
constexpr int changing_ops[] = {USERBLK_OP_WRITE, USERBLK_OP_DISCARD, USERBLK_OP_WRITE_ZEROES};

userblk_config config_with(std::uint64_t flags) {
    userblk_config config = test_config();
    config.flags |= flags | USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    return config;
}

} // namespace

class RedirectRefusals : public KernelTest {
protected:
    TestDevice device{config_with(USERBLK_F_REDIRECT)};
    Fd file = memory_file(default_size);

    // The answer is refused with that error; the request is still taken and can be answered.
    static void expect_refused(TestDevice& on, int op, int error,
                               const std::function<userblk_answer(const userblk_request&)>& to) {
        const std::uint64_t redirects = info(on.control()).redirects;
        const Io io = start_operation(on, op);
        const userblk_request request = take(on.control());
        ASSERT_EQ(request.op, op);
        EXPECT_EQ(put(on.control(), to(request)), error) << "op " << op;
        EXPECT_EQ(info(on.control()).taken, 1u);
        EXPECT_EQ(info(on.control()).redirects, redirects);
        EXPECT_FALSE(io->finished());
        EXPECT_EQ(put(on.control(), complete(request.id, -ENOSPC)), 0);
        EXPECT_EQ(io->result(), ENOSPC);
    }
    void expect_refused(int op, int fd, int error, std::uint64_t offset = 0) {
        expect_refused(device, op, error, [=](const userblk_request& request) {
            return redirect(request, fd, offset);
        });
    }
    void expect_all_refused(int fd, int error) {
        for (const int op : all_ops)
            expect_refused(op, fd, error);
    }
    void expect_accepted(int op, int fd) {
        const Io io = start_operation(device, op);
        EXPECT_EQ(put(device.control(), redirect(take(device.control()), fd, 0)), 0) << op;
        EXPECT_EQ(io->result(), 0) << op;
    }
    // Answers from a separate process; returns the error of PUT, or the signal that killed it.
    int answer_from_child(int op, const std::function<userblk_answer(const userblk_request&)>& to,
                          const std::function<void()>& before) {
        const Io io = start_operation(device, op);
        Child child([&](ChildSide&) -> int {
            before();
            const userblk_request request = take(device.control());
            return put(device.control(), to(request));
        });
        const int result = child.wait();
        if (result) {
            EXPECT_EQ(info(device.control()).orphaned, 1u);
            EXPECT_EQ(reset_dead(device.control()).count, 1u);
            EXPECT_EQ(put(device.control(), complete(take(device.control()).id, -ENOSPC)), 0);
            EXPECT_EQ(io->result(), ENOSPC);
        } else {
            EXPECT_EQ(io->result(), 0);
        }
        return result;
    }
};

// A device with USERBLK_F_NO_REDIRECT refuses every redirection.
TEST_F(RedirectRefusals, DeviceDoesNotAllowIt) {
    TestDevice strict(config_with(USERBLK_F_NO_REDIRECT));
    for (const int op : all_ops)
        expect_refused(strict, op, EPERM, [&](const userblk_request& request) {
            return redirect(request, file.get(), 0);
        });
}

// By default, a device that only root can serve allows REDIRECT; one that others can serve does
// not, unless its creator asks for it. CREATE, LIST and INFO report the decision.
TEST_F(RedirectRefusals, DefaultDependsOnTheNodesOwner) {
    struct Case {
        std::uint64_t flags;
        std::uint32_t mode, uid;
        std::uint64_t expected;
    };
    for (const Case& c :
         {Case{0, 0, 0, USERBLK_F_REDIRECT}, Case{0, 0600, 0, USERBLK_F_REDIRECT},
          Case{0, 0400, 0, USERBLK_F_REDIRECT}, Case{0, 0660, 0, USERBLK_F_NO_REDIRECT},
          Case{0, 0640, 0, USERBLK_F_NO_REDIRECT}, Case{0, 0602, 0, USERBLK_F_NO_REDIRECT},
          Case{0, 0601, 0, USERBLK_F_NO_REDIRECT}, Case{0, 0600, nobody, USERBLK_F_NO_REDIRECT},
          Case{USERBLK_F_REDIRECT, 0666, nobody, USERBLK_F_REDIRECT},
          Case{USERBLK_F_NO_REDIRECT, 0600, 0, USERBLK_F_NO_REDIRECT}}) {
        userblk_config config = test_config();
        config.flags |= c.flags;
        config.mode = c.mode;
        config.uid = c.uid;
        TestDevice one(config);
        constexpr std::uint64_t both = USERBLK_F_REDIRECT | USERBLK_F_NO_REDIRECT;
        EXPECT_EQ(one.config().flags & both, c.expected) << c.mode << ' ' << c.uid;
        EXPECT_EQ(info(one.control()).config.flags & both, c.expected);
        EXPECT_EQ(list_devices().back().flags & both, c.expected);
        const Io io = one.read(0, 4096);
        const userblk_request request = take(one.control());
        EXPECT_EQ(put(one.control(), redirect(request, file.get(), 0)),
                  c.expected == USERBLK_F_REDIRECT ? 0 : EPERM);
        put(one.control(), complete(request.id, -EIO));
        io->result();
    }
    userblk_config config = test_config();
    config.flags |= USERBLK_F_REDIRECT | USERBLK_F_NO_REDIRECT;
    EXPECT_EQ(create(config), EINVAL);
}

// A configuration as written back can be used to create the same device again.
TEST_F(RedirectRefusals, WrittenBackConfigurationMakesTheSame) {
    TestDevice first;
    userblk_config config = first.config();
    config.number = USERBLK_ANY_NUMBER;
    config.mode = 0666;
    TestDevice second(config);
    EXPECT_EQ(second.config().flags, first.config().flags);
}

// Descriptors that are closed, too large or negative.
TEST_F(RedirectRefusals, NoOpenFile) {
    const int closed = fcntl(file.get(), F_DUPFD_CLOEXEC, 500);
    close(closed);
    for (const int fd : {closed, 9999, -2, -100, INT32_MAX, INT32_MIN})
        expect_all_refused(fd, EBADF);
}

// Only an extent can be a hole: a descriptor that is -1 because open() failed is an error.
TEST_F(RedirectRefusals, MinusOneIsNoHoleByItself) {
    expect_all_refused(-1, EBADF);
}

// A descriptor opened with O_PATH.
TEST_F(RedirectRefusals, OnlyAPath) {
    const Fd path = open_file("/proc/self/fd/" + std::to_string(file.get()), O_PATH);
    expect_all_refused(path.get(), EBADF);
}

// Operations that change the file need write access, and nothing more.
TEST_F(RedirectRefusals, WrongMode) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    const Fd read_only = open_file(path, O_RDONLY), write_only = open_file(path, O_WRONLY);
    for (const int op : changing_ops) {
        expect_refused(op, read_only.get(), EBADF);
        expect_accepted(op, write_only.get());
    }
}

// Reads need read access; a flush needs neither.
TEST_F(RedirectRefusals, WrongModeForReads) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    const Fd read_only = open_file(path, O_RDONLY), write_only = open_file(path, O_WRONLY);
    expect_refused(USERBLK_OP_READ, write_only.get(), EBADF);
    expect_accepted(USERBLK_OP_READ, read_only.get());
    // A flush neither changes nor returns data.
    expect_accepted(USERBLK_OP_FLUSH, read_only.get());
    expect_accepted(USERBLK_OP_FLUSH, write_only.get());
}

TEST_F(RedirectRefusals, Directory) {
    const Fd directory = open_file("/dev/shm", O_RDONLY);
    expect_all_refused(directory.get(), EISDIR);
}

TEST_F(RedirectRefusals, PipesAndSockets) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Fd in(ends[0]), out(ends[1]);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const Fd left(ends[0]), right(ends[1]);
    const Folder folder;
    ASSERT_EQ(mkfifo((folder.path() + "/fifo").c_str(), 0600), 0);
    const Fd fifo = open_file(folder.path() + "/fifo", O_RDWR);
    const Fd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    for (const Fd* fd : {&in, &out, &left, &right, &fifo, &netlink})
        expect_all_refused(fd->get(), ESPIPE);
    // Some kernels that we test are built without INET.
    const Fd internet(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (internet.open())
        expect_all_refused(internet.get(), ESPIPE);
    else
        EXPECT_EQ(errno, EAFNOSUPPORT);
}

// Descriptors that are no files.
TEST_F(RedirectRefusals, OtherFiles) {
    const Fd control = device.open_control();
    const Fd null = open_file("/dev/null", O_RDWR), zero = open_file("/dev/zero", O_RDWR);
    const Fd event(eventfd(1, EFD_CLOEXEC)), poll_set(epoll_create1(EPOLL_CLOEXEC));
    for (const Fd* fd : {&control, &null, &zero, &event, &poll_set})
        expect_all_refused(fd->get(), EINVAL);
}

// O_APPEND would ignore the offset, so that operations that change the file are refused …
TEST_F(RedirectRefusals, AppendingForWhatChangesTheFile) {
    const Fd append = open_file("/proc/self/fd/" + std::to_string(file.get()), O_RDWR | O_APPEND);
    for (const int op : changing_ops)
        expect_refused(op, append.get(), EINVAL);
}

// … while reads and flushes are accepted.
TEST_F(RedirectRefusals, AppendingIsFineForReads) {
    const Fd append = open_file("/proc/self/fd/" + std::to_string(file.get()), O_RDWR | O_APPEND);
    expect_accepted(USERBLK_OP_READ, append.get());
    expect_accepted(USERBLK_OP_FLUSH, append.get());
}

// The device itself, however it was opened.
TEST_F(RedirectRefusals, ItsOwnDevice) {
    for (const int flags : {0, O_DIRECT}) {
        const Fd own = open_file(device.block_path(), O_RDWR | flags);
        expect_all_refused(own.get(), ELOOP);
    }
}

// A partition of the device, whose table a worker served.
TEST_F(RedirectRefusals, ItsOwnPartition) {
    userblk_config config = config_with(USERBLK_F_REDIRECT);
    config.flags &= ~std::uint64_t{USERBLK_F_NO_PARTITIONS};
    TestDevice parted(config);
    Store store = make_store(default_size);
    // One entry of a DOS partition table: type 0x83, start sector 2048, 4096 sectors.
    const std::uint8_t entry[16] = {0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0};
    std::memcpy(store.data() + 446, entry, sizeof(entry));
    store[510] = 0x55;
    store[511] = 0xaa;
    {
        Server server(parted, store);
        EXPECT_TRUE(
            eventually([&] { return !access((parted.block_path() + "p1").c_str(), F_OK); }));
    }
    const Fd partition = open_file(parted.block_path() + "p1", O_RDWR);
    for (const int op : all_ops)
        expect_refused(parted, op, ELOOP, [&](const userblk_request& request) {
            return redirect(request, partition.get(), 0);
        });
}

// A file on a file system on the device. Everything else is served, so that nothing blocks the
// test.
TEST_F(RedirectRefusals, FileOnItsOwnFileSystem) {
    constexpr std::uint64_t marked = 24 << 20;
    userblk_config config = config_with(USERBLK_F_REDIRECT);
    config.size = 32 << 20;
    TestDevice own(config);
    Store store = make_store(config.size);
    std::atomic<int> inside = -1, result = -1;
    Server server(own, [&](const userblk_request& request) {
        if (inside >= 0 && request.op == USERBLK_OP_READ && request.offset == marked)
            result = put(own.control(), redirect(request, inside, 0));
        return serve_from(store, request);
    });
    FileSystem file_system("ext4", own.block_path());
    const Fd on_it = file_system.make_file("file", 65536);
    inside = on_it.get();
    EXPECT_EQ(own.read(marked, 4096)->result(), 0);
    EXPECT_EQ(result, ELOOP);
    inside = -1;
    own.close_block();
}

// The kernel does not write beyond the worker's file size limit either, and no signal kills the
// worker.
TEST_F(RedirectRefusals, BeyondTheWorkersSizeLimit) {
    const auto limit = [] {
        const rlimit size{65536, 65536};
        setrlimit(RLIMIT_FSIZE, &size);
    };
    const auto at = [&](std::uint64_t offset) {
        return [&, offset](const userblk_request& request) {
            return redirect(request, file.get(), offset);
        };
    };
    for (const int op : {USERBLK_OP_WRITE, USERBLK_OP_WRITE_ZEROES}) {
        EXPECT_EQ(answer_from_child(op, at(65536), limit), EFBIG);
        EXPECT_EQ(answer_from_child(op, at(61441), limit), EFBIG);
        EXPECT_EQ(answer_from_child(op, at(1 << 20), limit), EFBIG);
        EXPECT_EQ(answer_from_child(op, at(61440), limit), 0);
    }
    EXPECT_EQ(answer_from_child(USERBLK_OP_READ, at(1 << 20), limit), 0);
}

// A call whose answers go to one file looks the file up once, and checks permission once per
// direction. Each answer is judged by itself all the same.
TEST_F(RedirectRefusals, EachAnswerOfACallIsJudgedByItself) {
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    const Fd readable = open_file(path, O_RDONLY), writable = open_file(path, O_WRONLY);
    struct Step {
        int op;
        int fd;
        std::uint64_t offset;
        int error;
    };
    constexpr std::uint64_t limit = 1 << 20;
    const Step steps[] = {
        {USERBLK_OP_READ, readable.get(), 0, 0},
        {USERBLK_OP_WRITE, readable.get(), 0, EBADF},
        {USERBLK_OP_FLUSH, readable.get(), 0, 0},
        {USERBLK_OP_READ, readable.get(), 0, 0},
        {USERBLK_OP_DISCARD, readable.get(), 0, EBADF},
        {USERBLK_OP_READ, device.block(), 0, ELOOP},
        {USERBLK_OP_READ, readable.get(), INT64_MAX, EINVAL},
        {USERBLK_OP_WRITE, writable.get(), 0, 0},
        {USERBLK_OP_WRITE, writable.get(), limit - 4095, EFBIG},
        {USERBLK_OP_READ, writable.get(), 0, EBADF},
        {USERBLK_OP_WRITE, writable.get(), limit - 4096, 0},
        {USERBLK_OP_READ, 9999, 0, EBADF},
        {USERBLK_OP_READ, readable.get(), limit, 0},
    };
    std::vector<Io> ios;
    std::vector<userblk_answer> answers;
    for (const Step& step : steps) { // one at a time, so that they are not merged or reordered
        ios.push_back(start_operation(device, step.op));
        answers.push_back(redirect(take(device.control()), step.fd, step.offset));
    }
    rlimit before;
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{limit, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const PutResult result = put(device.control(), answers);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(result.error, 0);
    for (std::size_t i = 0; i < std::size(steps); i++) {
        EXPECT_EQ(answers[i].result, -steps[i].error) << "step " << i;
        if (answers[i].result) {
            EXPECT_EQ(put(device.control(), complete(answers[i].id, -ENOSPC)), 0);
        }
        EXPECT_EQ(ios[i]->result(), steps[i].error ? ENOSPC : 0) << "step " << i;
    }
}

// Offsets beyond the end of any file.
TEST_F(RedirectRefusals, OffsetsThatAreTooLarge) {
    constexpr std::uint64_t largest = INT64_MAX;
    for (const std::uint64_t offset :
         {largest, largest - 4095 + 1, largest + 1, UINT64_MAX, UINT64_MAX - 4095}) {
        for (const int op : changing_ops)
            expect_refused(op, file.get(), EFBIG, offset);
        expect_refused(USERBLK_OP_READ, file.get(), EINVAL, offset);
    }
    const LoopDevice loop(16 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd on_disk = file_system.make_file("file", 4096);
    expect_refused(USERBLK_OP_WRITE, on_disk.get(), EFBIG, 1ull << 50);
    expect_refused(USERBLK_OP_WRITE_ZEROES, on_disk.get(), EFBIG, 1ull << 50);
}

// A sealed file: its content stays, and the submitter gets an error.
TEST_F(RedirectRefusals, SealedFile) {
    const Fd sealed = memory_file(default_size, MFD_ALLOW_SEALING);
    write_to_file(sealed.get(), 0, pattern(65536, 6));
    ASSERT_EQ(fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK), 0);
    for (const int op : changing_ops) {
        const Io io = start_operation(device, op);
        const userblk_request request = take(device.control());
        const int result = put(device.control(), redirect(request, sealed.get(), 0));
        if (result) {
            EXPECT_EQ(result, EPERM);
            EXPECT_EQ(put(device.control(), complete(request.id, -EIO)), 0);
        }
        EXPECT_NE(io->result(), 0) << op;
    }
    EXPECT_EQ(file_content(sealed.get(), 0, 65536), pattern(65536, 6));
    expect_accepted(USERBLK_OP_READ, sealed.get());
}

// A file that a process serves could block the device: only privileged workers may redirect there.
TEST_F(RedirectRefusals, FuseFileForAnUnprivilegedWorker) {
    userblk_config config = config_with(USERBLK_F_REDIRECT);
    config.uid = nobody;
    TestDevice shared(config);
    FuseFile fuse(1 << 20);
    fill_pattern(fuse.content().data(), fuse.content().size(), 5);
    const Fd there = open_file(fuse.path(), O_RDWR);
    for (const int op : {USERBLK_OP_READ, USERBLK_OP_WRITE, USERBLK_OP_FLUSH}) {
        const Io io = start_operation(shared, op);
        Child worker([&](ChildSide&) -> int {
            drop_privileges();
            const Fd control = shared.open_control();
            const userblk_request request = take(control.get());
            const int result = put(control.get(), redirect(request, there.get(), 65536));
            return put(control.get(), complete(request.id, -ENOSPC)) ? 99 : result;
        });
        EXPECT_EQ(worker.wait(), EPERM) << op;
        EXPECT_EQ(io->result(), ENOSPC);
    }
    EXPECT_EQ(info(shared.control()).redirects, 0u);
}

// A privileged worker may.
TEST_F(RedirectRefusals, FuseFileForRootIsAccepted) {
    FuseFile fuse(1 << 20);
    fill_pattern(fuse.content().data(), fuse.content().size(), 5);
    const Fd there = open_file(fuse.path(), O_RDWR);
    const Buffer all = pattern(1 << 20, 5);
    const Io read = device.read(0, 4096);
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), there.get(), 65536)), 0);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(std::memcmp(read->data().data(), all.data() + 65536, 4096), 0);
    const Io write = device.write(0, pattern(4096, 1));
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), there.get(), 513)), 0);
    EXPECT_EQ(write->result(), 0);
    EXPECT_EQ(std::memcmp(fuse.content().data() + 513, pattern(4096, 1).data(), 4096), 0);
    const Io flush = device.flush();
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), there.get(), 0)), 0);
    EXPECT_EQ(flush->result(), 0);
    const Io behind = device.read(0, 4096);
    EXPECT_EQ(put(device.control(), redirect(take(device.control()), there.get(), 2 << 20)), 0);
    EXPECT_EQ(behind->result(), EIO);
}

// Ids that were answered, put back, never given out, or of a slot that does not exist.
TEST_F(RedirectRefusals, StaleIds) {
    const Io io = device.read(0, 4096);
    const userblk_request old = take(device.control());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    EXPECT_EQ(put(device.control(), redirect(old, file.get(), 0)), ESTALE);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), redirect(old, file.get(), 0)), ESTALE);
    for (const std::uint64_t id :
         {request.id + (1ull << 32), request.id | 0xffff, request.id | 0xffff'0000, 0ull, ~0ull}) {
        userblk_request wrong = request;
        wrong.id = id;
        EXPECT_EQ(put(device.control(), redirect(wrong, file.get(), 0)), ESTALE);
    }
    EXPECT_EQ(info(device.control()).stale, 7u);
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), 0)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), 0)), ESTALE);
    EXPECT_EQ(put(device.control(), complete(request.id)), ESTALE);
}

// Flags and fields that have no meaning here, or not with this action.
TEST_F(RedirectRefusals, DirtyFields) {
    using Change = std::function<void(userblk_answer&)>;
    for (const Change& change : std::initializer_list<Change>{
             [](userblk_answer& a) { a.flags = USERBLK_ANSWER_ZEROES; },
             [](userblk_answer& a) { a.flags = 4; },
             [](userblk_answer& a) { a.flags = 0x8000; },
             [](userblk_answer& a) { a.reserved0 = 1; },
             [](userblk_answer& a) { a.reserved[0] = 1; },
             [](userblk_answer& a) { a.reserved[1] = 1ull << 63; },
             [](userblk_answer& a) { a.result = 1; },
             [](userblk_answer& a) { a.status = -EIO; },
             [](userblk_answer& a) { a.status = 1; },
             [](userblk_answer& a) { a.addr = 4096; },
             [](userblk_answer& a) { a.length--; },
             [](userblk_answer& a) { a.length = 0; },
             [](userblk_answer& a) { a.length *= 2; },
             [](userblk_answer& a) { a.action = USERBLK_ACTION_REDIRECT + 1; },
         })
        expect_refused(device, USERBLK_OP_READ, EINVAL, [&](const userblk_request& request) {
            userblk_answer answer = redirect(request, file.get(), 0);
            change(answer);
            return answer;
        });
}

// Other actions use neither offset nor file, nor extents.
TEST_F(RedirectRefusals, OtherActionsHaveNoOffset) {
    Buffer room(4096);
    for (const int action : {USERBLK_ACTION_COMPLETE, USERBLK_ACTION_FETCH, USERBLK_ACTION_STORE,
                             USERBLK_ACTION_GIVE_BACK, USERBLK_ACTION_ADOPT})
        for (int field = 0; field < 3; field++)
            expect_refused(device, USERBLK_OP_WRITE, EINVAL, [&](const userblk_request& request) {
                userblk_answer answer = complete(request.id);
                answer.action = static_cast<std::uint16_t>(action);
                if (action == USERBLK_ACTION_FETCH || action == USERBLK_ACTION_STORE)
                    answer = store(request.id, room.data(), room.size());
                answer.action = static_cast<std::uint16_t>(action);
                if (field == 0)
                    answer.offset = 4096;
                else if (field == 1)
                    answer.fd = file.get();
                else
                    answer.flags = USERBLK_ANSWER_EXTENTS;
                return answer;
            });
}

// A node that is not open for writing cannot answer.
TEST_F(RedirectRefusals, ReadOnlyNode) {
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    const Fd looking = open_file(device.control_path(), O_RDONLY);
    EXPECT_EQ(put(looking.get(), redirect(request, file.get(), 0)), EBADF);
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), 0)), 0);
    EXPECT_EQ(io->result(), 0);
}

} // namespace userblk::test
