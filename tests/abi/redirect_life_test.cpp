// SPDX-License-Identifier: MIT
//
// Once accepted, a redirected request belongs to the kernel: it completes when the file's I/O does,
// whatever happens to the worker, and nothing else waits for it.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "tests/abi/slow_file.hpp"
#include "tests/support/kernel_log.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

class RedirectLife : public SlowFileTest {
protected:
    static std::uint64_t place_of(const userblk_request& request) {
        return request.op == USERBLK_OP_FLUSH ? 0 : request.offset;
    }
    // The request belongs to the kernel and to no process.
    void expect_kernels(std::uint64_t count, const userblk_request& request, pid_t worker) {
        const userblk_info now = info(device.control());
        EXPECT_EQ(now.redirected, count);
        EXPECT_EQ(now.redirects, count);
        EXPECT_EQ(now.taken, 0u);
        EXPECT_EQ(now.orphaned, 0u);
        EXPECT_EQ(now.queued, 0u);
        EXPECT_TRUE(taken_list(device.control()).empty());
        EXPECT_EQ(poll_events(device.control(), POLLPRI | POLLIN), 0);
        EXPECT_EQ(reset_dead(device.control()).count, 0u);
        EXPECT_EQ(reset_all(device.control()).count, 0u);
        EXPECT_EQ(reset_pid(device.control(), worker).count, 0u);
        EXPECT_EQ(reset_older(device.control(), 0).count, 0u);
        EXPECT_EQ(reset_id(device.control(), request.id).count, 0u);
        EXPECT_EQ(put(device.control(), complete(request.id)), ESTALE);
        EXPECT_EQ(put(device.control(), give_back(request.id)), ESTALE);
        EXPECT_EQ(put(device.control(), adopt(request.id)), ESTALE);
        EXPECT_EQ(info(device.control()).redirected, count);
    }
    void expect_data_of(const Io& io, std::uint64_t offset, std::uint64_t seed = 42) {
        Buffer all(default_size);
        fill_pattern(all.data(), all.size(), seed);
        EXPECT_EQ(std::memcmp(io->data().data(), all.data() + offset, io->data().size()), 0);
    }
};

struct Way {
    const char* name;
    int flags;
    enum { exits, killed, closes } end;
};

class RedirectOutlives : public RedirectLife, public testing::WithParamInterface<Way> {};

INSTANTIATE_TEST_SUITE_P(AWorkerThat, RedirectOutlives,
                         testing::Values(Way{"Exits", 0, Way::exits},
                                         Way{"ExitsAfterDirectIo", O_DIRECT, Way::exits},
                                         Way{"IsKilled", 0, Way::killed},
                                         Way{"IsKilledAfterDirectIo", O_DIRECT, Way::killed},
                                         Way{"Closes", 0, Way::closes},
                                         Way{"ClosesAfterDirectIo", O_DIRECT, Way::closes}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

// One request of each kind is redirected; then the worker closes the file, exits or is killed. No
// process holds the requests, no RESET and no answer finds them, and they complete when the file's
// disk serves them, without any worker.
TEST_P(RedirectOutlives, TheRequest) {
    const int block = device.block();
    const Io read = device.read(65536, 8192), write = device.write(1 << 20, pattern(8192, 7), 0),
             flush = device.flush();
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 3; }));
    const Io zero = device.start([=] { return punch(block, 4 << 20, 65536); });
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 4; }));
    Child worker([&](ChildSide& side) -> int {
        Fd file = open_slow(GetParam().flags);
        const Fd control = device.open_control();
        userblk_request request{};
        for (int i = 0; i < 4; i++) {
            request = take(control.get());
            if (put(control.get(), redirect(request, file.get(), place_of(request))))
                return 1;
        }
        if (GetParam().end == Way::closes)
            file.reset();
        side.tell(request.id);
        if (GetParam().end != Way::exits)
            side.sleep_for_ever();
        return 0;
    });
    userblk_request last{};
    last.id = worker.await();
    const pid_t pid = worker.pid();
    if (GetParam().end == Way::killed) {
        worker.kill();
    } else if (GetParam().end == Way::exits) {
        EXPECT_EQ(worker.wait(), 0);
    }
    // A buffered write completes in the page cache unless it has to wait for the disk there; all
    // others wait for the disk.
    const std::uint64_t least = GetParam().flags ? 4 : 3;
    const userblk_info now = info(device.control());
    EXPECT_GE(now.redirected, least);
    EXPECT_EQ(now.taken + now.orphaned, 0u);
    EXPECT_EQ(poll_events(device.control(), POLLPRI | POLLIN), 0);
    EXPECT_EQ(reset_dead(device.control()).count, 0u);
    EXPECT_EQ(reset_all(device.control()).count, 0u);
    EXPECT_EQ(reset_pid(device.control(), pid).count, 0u);
    EXPECT_EQ(reset_older(device.control(), 0).count, 0u);
    EXPECT_EQ(reset_id(device.control(), last.id).count, 0u);
    EXPECT_EQ(put(device.control(), complete(last.id)), ESTALE);
    EXPECT_FALSE(read->finished() || flush->finished() || zero->finished());
    Server server(slow, store);
    for (const Io& io : {read, write, flush, zero})
        EXPECT_EQ(io->result(), 0);
    expect_data_of(read, 65536);
    EXPECT_TRUE(eventually([&] { return !info(device.control()).redirected; }));
    EXPECT_EQ(info(device.control()).errors, 0u);
    // This writes the page cache back to the disk.
    const Fd cached = open_slow(0);
    EXPECT_EQ(fsync(cached.get()), 0);
    EXPECT_EQ(std::memcmp(store.data() + (1 << 20), pattern(8192, 7).data(), 8192), 0);
    EXPECT_TRUE(std::all_of(store.data() + (4 << 20), store.data() + (4 << 20) + 65536,
                            [](std::uint8_t byte) { return !byte; }));
}

// A redirected request is counted, but not listed, and no call finds it.
TEST_F(RedirectLife, BelongsToNoProcess) {
    const Fd file = open_slow();
    const Io io = device.read(0, 4096);
    const userblk_request request = redirect_one(file.get());
    EXPECT_FALSE(io->finished());
    expect_kernels(1, request, getpid());
    Server server(slow, store);
    EXPECT_EQ(io->result(), 0);
    expect_data_of(io, 0);
    EXPECT_EQ(info(device.control()).redirected, 0u);
    EXPECT_EQ(put(device.control(), complete(request.id)), ESTALE);
}

// The file is on a file system on the slow device: the worker is killed with a read and a direct
// write in progress there.
TEST_F(RedirectLife, WorkerIsKilledOverASlowFileSystem) {
    userblk_config config = config_of(64 << 20);
    TestDevice disk(config);
    Store image = make_store(config.size);
    auto server = std::make_unique<Server>(disk, image);
    FileSystem file_system("ext4", disk.block_path());
    Fd file = file_system.make_file("file", 4 << 20, O_DIRECT);
    write_to_file(file.get(), 0, pattern(1 << 20, 3));
    ASSERT_EQ(fsync(file.get()), 0);
    server->stop();
    const Io read = device.read(65536, 65536), write = device.write(2 << 20, pattern(65536, 4));
    Child worker([&](ChildSide& side) -> int {
        for (int i = 0; i < 2; i++) {
            const userblk_request request = take(device.control());
            if (put(device.control(), redirect(request, file.get(), request.offset)))
                return 1;
        }
        side.tell();
        side.sleep_for_ever();
    });
    worker.await();
    file.reset();
    worker.kill();
    EXPECT_EQ(info(device.control()).redirected, 2u);
    EXPECT_FALSE(read->finished() || write->finished());
    server = std::make_unique<Server>(disk, image);
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(write->result(), 0);
    const Fd again = open_file(file_system.path() + "/file", O_RDONLY);
    EXPECT_EQ(read->data(), file_content(again.get(), 65536, 65536));
    EXPECT_EQ(write->data(), file_content(again.get(), 2 << 20, 65536));
}

// A redirecting answer never waits, whatever the state of its target disk: this one has room for
// two requests, and nobody takes them.
TEST_F(RedirectLife, AnswerNeverWaits) {
    TestDevice full{config_of(default_size, 2)};
    const std::vector<Io> fill = full.read_many(2);
    ASSERT_TRUE(eventually([&] { return info(full.control()).queued == 2; }));
    // One front device for each way of opening the file: flushes of one device wait for each other
    // before they get here.
    TestDevice direct{config_of()};
    std::vector<Io> ios;
    for (TestDevice* front : {&device, &direct}) {
        const int block = front->block();
        const std::uint64_t at = front == &direct ? 1 << 20 : 2 << 20;
        ios.push_back(front->read(at, 65536));
        ios.push_back(front->write(at + (8 << 20), pattern(65536, 1)));
        ios.push_back(front->flush());
        ios.push_back(front->start([=] { return punch(block, at + 65536, 65536); }));
        ASSERT_TRUE(eventually([&] { return info(front->control()).queued == 4; }));
        Child worker([&](ChildSide&) -> int {
            const Fd file =
                open_file(full.block_path(), O_RDWR | (front == &direct ? O_DIRECT : 0));
            for (int i = 0; i < 4; i++) {
                const userblk_request request = take(front->control());
                if (put(front->control(), redirect(request, file.get(), place_of(request))))
                    return 1;
            }
            return 0;
        });
        const bool ended = eventually([&] { return process_state(worker.pid()) == 'Z'; });
        EXPECT_TRUE(ended) << "the worker waits for a disk that nobody serves";
        if (!ended) {
            Server server(full, store);
            worker.wait();
        }
    }
    Server server(full, store);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

// A write that is not aligned for direct I/O goes through the page cache, and with O_DSYNC straight
// to the disk: the worker does not wait for that either.
TEST_F(RedirectLife, AnswerNeverWaitsForWhatIsNotAligned) {
    userblk_config config = config_of(512 << 20);
    config.logical_block_size = 4096;
    TestDevice disk(config);
    Store image = make_store(config.size);
    auto server = std::make_unique<Server>(disk, image);
    FileSystem file_system("xfs", disk.block_path());
    const Fd file = file_system.make_file("file", 1 << 20, O_DIRECT | O_DSYNC);
    file_content(file.get(), 0, 65536); // populates the page cache
    server->stop();
    Child worker([&](ChildSide&) -> int {
        const userblk_request request = take(device.control());
        // Updates the timestamps first: the redirected write would wait for that as well, and the
        // case would not be tested.
        if (futimens(file.get(), nullptr))
            return errno;
        return put(device.control(), redirect(request, file.get(), request.offset));
    });
    const Io io = device.write(512, pattern(512, 6));
    EXPECT_TRUE(eventually([&] { return process_state(worker.pid()) == 'Z'; }))
        << "the worker waits for a disk that nobody serves";
    server = std::make_unique<Server>(disk, image);
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(file_content(file.get(), 512, 512), pattern(512, 6));
}

// A process is in the middle of a write to a file in memory and blocks on a page of its buffer,
// which may have to come from this very device: neither the redirecting answer nor another one in
// the same call waits for it.
TEST_F(RedirectLife, AnswerNeverWaitsForAnotherWriter) {
    const Fd file = memory_file(1 << 20);
    write_to_file(file.get(), 0, pattern(1 << 20, 9)); // no holes are left
    Child writer([&](ChildSide& side) -> int {
        UnansweredMemory memory(4096);
        std::thread([&] { side.tell(memory.touched()); }).detach();
        return pwrite(file.get(), memory.data(), 4096, 0) == 4096 ? 0 : 1;
    });
    EXPECT_EQ(writer.await(), 1u);
    Child worker([&](ChildSide&) -> int {
        const userblk_request first = take(device.control()), second = take(device.control());
        userblk_answer answers[] = {complete_read(first.id, store.data(), first.length),
                                    redirect(second, file.get(), second.offset)};
        const PutResult result = put(device.control(), answers);
        return result.error || result.failed;
    });
    const Io read = device.read(0, 4096), write = device.write(65536, pattern(4096, 3));
    EXPECT_TRUE(eventually([&] { return read->finished(); }));
    EXPECT_TRUE(eventually([&] { return process_state(worker.pid()) == 'Z'; }))
        << "the worker waits for who writes to the file";
    EXPECT_FALSE(write->finished());
    writer.kill();
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(read->result(), 0);
    expect_data_of(read, 0);
    EXPECT_EQ(write->result(), 0);
    EXPECT_EQ(file_content(file.get(), 65536, 4096), pattern(4096, 3));
}

// O_APPEND is set after the answer was accepted: the data goes to the offset given.
TEST_F(RedirectLife, AppendingComesTooLate) {
    const LoopDevice loop(32 << 20);
    const FileSystem disk("ext4", loop.path());
    constexpr std::uint64_t size = 65536;
    const Fd file = disk.make_file("file", size);
    for (std::uint64_t round = 0; round < 100 && !HasFailure(); round++) {
        const Io io = device.write(round % 16 * 4096, pattern(4096, round));
        const userblk_request request = redirect_one(file.get());
        ASSERT_EQ(fcntl(file.get(), F_SETFL, O_APPEND), 0);
        EXPECT_EQ(io->result(), 0);
        ASSERT_EQ(fcntl(file.get(), F_SETFL, 0), 0);
        EXPECT_EQ(lseek(file.get(), 0, SEEK_END), static_cast<off_t>(size));
        EXPECT_EQ(file_content(file.get(), request.offset, 4096), pattern(4096, round));
    }
}

// Forced removal: queued and taken requests fail at once; redirected ones are waited for until
// their file's I/O ends, and nothing else is. Other devices come and go meanwhile.
TEST_F(RedirectLife, RemovalWaitsForItAndForNothingElse) {
    const Fd file = open_slow();
    const Io read = device.read(0, 4096), write = device.write(65536, pattern(4096, 5));
    redirect_one(file.get());
    redirect_one(file.get());
    const Io taken = device.read(1 << 20, 4096);
    take(device.control());
    const Io queued = device.read(2 << 20, 4096);
    const std::uint32_t number = device.number();
    KernelLog log;
    const Io removal = start_thread([=] { return remove_device(number, USERBLK_REMOVE_FORCE); });
    EXPECT_TRUE(eventually([&] {
        const auto lines = log.read_new();
        return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
            return line.find(device.name() + ": removal waits for 2 redirected requests") !=
                   std::string::npos;
        });
    })) << "nobody is told what it waits for";
    EXPECT_EQ(taken->result(), EIO);
    EXPECT_EQ(queued->result(), EIO);
    userblk_request request = record();
    EXPECT_EQ(get(device.control(), {&request, 1}).error, ENODEV);
    {
        TestDevice other;
        Store its = make_store(default_size);
        Server server(other, its);
        EXPECT_EQ(other.write(0, pattern(4096, 1))->result(), 0);
    }
    EXPECT_FALSE(removal->finished());
    EXPECT_FALSE(read->finished() || write->finished());
    Server server(slow, store);
    EXPECT_EQ(removal->result(), 0);
    device.forget();
    EXPECT_EQ(read->result(), 0);
    EXPECT_EQ(write->result(), 0);
    EXPECT_EQ(std::memcmp(store.data() + 65536, pattern(4096, 5).data(), 4096), 0);
}

// A device with a very slow file blocks no other device, and its slow file does not block its fast
// one.
TEST_F(RedirectLife, OthersAreNotHeldUp) {
    const Fd file = open_slow(0), quick = memory_file(default_size);
    std::vector<Io> ios = device.read_many(100);
    for (int i = 0; i < 100; i++)
        redirect_one(file.get());
    EXPECT_EQ(info(device.control()).redirected, 100u);
    TestDevice other;
    const LoopDevice loop(16 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd on_disk = file_system.make_file("file", 1 << 20);
    for (const Fd* to : {&quick, &on_disk}) {
        const Io write = other.write(0, pattern(4096, 2));
        EXPECT_EQ(put(other.control(), redirect(take(other.control()), to->get(), 0)), 0);
        EXPECT_EQ(write->result(), 0);
        const Io same = device.write(8 << 20, pattern(4096, 2));
        redirect_one(quick.get());
        EXPECT_EQ(same->result(), 0);
    }
    EXPECT_EQ(other.remove(), 0);
    Server server(slow, store);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

// A frozen file system: the request waits for it, the answer does not.
TEST_F(RedirectLife, FrozenFileSystem) {
    const LoopDevice loop(32 << 20);
    const FileSystem disk("ext4", loop.path());
    const Fd directory = open_file(disk.path(), O_RDONLY);
    for (const int flags : {0, O_DIRECT}) {
        const Fd file = disk.make_file(flags ? "direct" : "buffered", 1 << 20, flags);
        ASSERT_EQ(ioctl(directory.get(), FIFREEZE, 0), 0);
        const Io write = device.write(0, pattern(4096, 8)), read = device.read(65536, 4096);
        redirect_one(file.get());
        redirect_one(file.get());
        EXPECT_EQ(read->result(), 0);
        EXPECT_FALSE(write->finished());
        EXPECT_EQ(info(device.control()).redirected, 1u);
        ASSERT_EQ(ioctl(directory.get(), FITHAW, 0), 0);
        EXPECT_EQ(write->result(), 0);
        EXPECT_EQ(file_content(file.get(), 0, 4096), pattern(4096, 8));
    }
}

// The file has been unlinked, and its last descriptor is closed after the answer.
TEST_F(RedirectLife, UnlinkedFile) {
    const LoopDevice loop(32 << 20);
    const FileSystem disk("ext4", loop.path());
    Fd file = disk.make_file("file", 1 << 20, O_DIRECT);
    ASSERT_EQ(unlink((disk.path() + "/file").c_str()), 0);
    const std::vector<Io> ios = device.read_many(16);
    for (int i = 0; i < 16; i++)
        redirect_one(file.get());
    file.reset();
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

// The limit covers the wait in the queue: a redirected request may take any time.
TEST_F(RedirectLife, QueueLimitDoesNotApply) {
    userblk_config config = config_of();
    config.queue_limit_ns = 20'000'000;
    TestDevice hasty(config);
    const Fd file = open_slow();
    Io io;
    int answered = ESTALE;
    // The first tries may time out.
    for (int tries = 0; tries < 20 && answered; tries++) {
        io = hasty.read(0, 4096);
        userblk_request request = record();
        if (get(hasty.control(), {&request, 1}, a_while / 100).count)
            answered = put(hasty.control(), redirect(request, file.get(), 0));
        else
            io->result();
    }
    ASSERT_EQ(answered, 0);
    const std::uint64_t expired = info(hasty.control()).expired;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(info(hasty.control()).expired, expired);
    Server server(slow, store);
    EXPECT_EQ(io->result(), 0);
}

// A chain of three redirections: from one device to the next, and from there to a file.
TEST_F(RedirectLife, ChainOfDevices) {
    const Fd file = memory_file(default_size);
    Server last(slow, [&](const userblk_request& request) {
        return redirect(request, file.get(), place_of(request));
    });
    TestDevice middle(config_of());
    const Fd to_slow = open_slow();
    Server second(middle, [&](const userblk_request& request) {
        return redirect(request, to_slow.get(), place_of(request));
    });
    const Fd to_middle = open_file(middle.block_path(), O_RDWR | O_DIRECT);
    Server first(device, [&](const userblk_request& request) {
        return redirect(request, to_middle.get(), place_of(request));
    });
    for (std::uint64_t i = 0; i < 8; i++)
        EXPECT_EQ(device.write(i << 16, pattern(65536, i))->result(), 0);
    EXPECT_EQ(device.flush()->result(), 0);
    for (std::uint64_t i = 0; i < 8; i++) {
        const Io read = device.read(i << 16, 65536);
        EXPECT_EQ(read->result(), 0);
        EXPECT_EQ(read->data(), pattern(65536, i));
        EXPECT_EQ(file_content(file.get(), i << 16, 65536), pattern(65536, i));
    }
}

// Two devices redirect to each other: a request goes round until one side keeps it; an answer there
// completes it everywhere.
TEST_F(RedirectLife, TwoDevicesRedirectToEachOther) {
    const Fd to_slow = open_slow(), to_device = open_file(device.block_path(), O_RDWR | O_DIRECT);
    const Io io = device.read(0, 4096);
    redirect_one(to_slow.get());
    for (int i = 0; i < 8; i++) {
        const userblk_request there = take(slow.control());
        EXPECT_EQ(put(slow.control(), redirect(there, to_device.get(), 0)), 0);
        redirect_one(to_slow.get());
    }
    EXPECT_EQ(info(device.control()).redirected, 9u);
    EXPECT_EQ(info(slow.control()).redirected, 8u);
    EXPECT_FALSE(io->finished());
    EXPECT_EQ(put(slow.control(), complete(take(slow.control()).id, -ENOSPC)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
}

} // namespace userblk::test
