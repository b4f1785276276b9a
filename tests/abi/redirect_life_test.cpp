// SPDX-License-Identifier: MIT
//
// From its acceptance on a redirected request is the kernel's: it ends as the I/O on the file does,
// whatever becomes of the worker, and nothing else waits for it. Files are made slow by putting
// them on a second device that nobody serves yet.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_log.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

namespace {

userblk_config config_of(std::uint64_t size = default_size, std::uint32_t depth = 0) {
    userblk_config config = test_config(size);
    config.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    config.depth = depth;
    return config;
}

std::uint64_t place_of(const userblk_request& request) {
    return request.op == USERBLK_OP_FLUSH ? 0 : request.offset;
}

int punch(int fd, std::uint64_t offset, std::uint64_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                     static_cast<off_t>(length))
               ? errno
               : 0;
}

} // namespace

class RedirectLife : public KernelTest {
protected:
    // Removed in this order: front, then slow.
    Store store = make_store(default_size);
    TestDevice slow{config_of()};
    TestDevice device{config_of()};

    RedirectLife() { fill_pattern(store.data(), store.size(), 42); }

    Fd open_slow(int flags = O_DIRECT) const {
        return open_file(slow.block_path(), O_RDWR | flags);
    }
    // Takes one and has the kernel carry it out at the same place of the file.
    userblk_request redirect_one(int fd, int expected = 0) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), redirect(request, fd, request.offset)), expected);
        return request;
    }
    // It is nobody's but the kernel's.
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

// One request of each kind is on its way when the worker lets go of the file, ends or is killed. It
// is nobody's, no RESET and no answer finds it, and it completes when the file's disk does, without
// any worker.
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
    // A buffered write is over when it is in the page cache, if nothing there waits for the disk;
    // all others wait for it.
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
    // What the page cache holds goes to the disk with this.
    const Fd cached = open_slow(0);
    EXPECT_EQ(fsync(cached.get()), 0);
    EXPECT_EQ(std::memcmp(store.data() + (1 << 20), pattern(8192, 7).data(), 8192), 0);
    EXPECT_TRUE(std::all_of(store.data() + (4 << 20), store.data() + (4 << 20) + 65536,
                            [](std::uint8_t byte) { return !byte; }));
}

// Looked at closely: counted, listed nowhere, found by nobody.
TEST_F(RedirectLife, IsNobodys) {
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

// The file is on a file system on the slow device: the worker is killed with reads, direct writes
// and an fsync under way there.
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

// A redirected answer never waits, whatever the state of the disk that it goes to: this one has
// room for two requests, and nobody takes them.
TEST_F(RedirectLife, AnswerNeverWaits) {
    TestDevice full{config_of(default_size, 2)};
    const std::vector<Io> fill = full.read_many(2);
    ASSERT_TRUE(eventually([&] { return info(full.control()).queued == 2; }));
    // One front for each way: flushes of one device wait for each other before they come here.
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

// What is not aligned for direct I/O goes through the page cache, and with O_DSYNC to the disk at
// once: that, too, the worker does not wait for.
TEST_F(RedirectLife, AnswerNeverWaitsForWhatIsNotAligned) {
    userblk_config config = config_of(512 << 20);
    config.logical_block_size = 4096;
    TestDevice disk(config);
    Store image = make_store(config.size);
    auto server = std::make_unique<Server>(disk, image);
    FileSystem file_system("xfs", disk.block_path());
    const Fd file = file_system.make_file("file", 1 << 20, O_DIRECT | O_DSYNC);
    file_content(file.get(), 0, 65536); // it is in the page cache
    server->stop();
    Child worker([&](ChildSide&) -> int {
        const userblk_request request = take(device.control());
        // Otherwise it would have to wait for this, too, and so would not be tried.
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

// Somebody is in the middle of a write to a file in memory and waits for a page of what he writes,
// which may have to come from this very device: neither the answer nor what is answered beside it
// waits for him.
TEST_F(RedirectLife, AnswerNeverWaitsForWhoWritesToTheFile) {
    const Fd file = memory_file(1 << 20);
    write_to_file(file.get(), 0, pattern(1 << 20, 9)); // all of it is there
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

// O_APPEND comes after the answer was accepted: it is written to the place that was named.
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

// Zeros that go beyond a disk's end are no success, of which only a part was written.
TEST_F(RedirectLife, ZerosBeyondTheEndOfADisk) {
    const LoopDevice loop(1 << 20);
    const Fd file = open_file(loop.path(), O_RDWR);
    write_to_file(file.get(), (1 << 20) - 4096, pattern(4096, 4));
    const int block = device.block();
    const Io io = device.start([=] { return punch(block, 0, 8192); });
    const userblk_request request = take(device.control());
    ASSERT_EQ(request.op, USERBLK_OP_WRITE_ZEROES);
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), (1 << 20) - 4096)), 0);
    EXPECT_EQ(io->result(), ENOSPC);
    EXPECT_EQ(file_content(file.get(), (1 << 20) - 4096, 4096), pattern(4096, 4));
}

// Removal by force: what is queued and taken fails at once, what is redirected is waited for, until
// its file's I/O ends, and for nothing else. Other devices come and go meanwhile.
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

// The worker is gone, and the removal under way, when the disk of the file is removed itself.
TEST_F(RedirectLife, BackingDeviceIsRemoved) {
    Fd file = open_slow();
    const Io read = device.read(0, 4096), write = device.write(65536, pattern(4096, 5)),
             flush = device.flush();
    ASSERT_TRUE(eventually([&] { return info(device.control()).queued == 3; }));
    for (int i = 0; i < 3; i++) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), redirect(request, file.get(), request.offset)), 0);
    }
    file.reset();
    EXPECT_EQ(slow.remove(), 0);
    for (const Io& io : {read, write, flush}) {
        const int error = io->result();
        EXPECT_TRUE(error == EIO || error == ENODEV || error == ENXIO) << error;
    }
    // And what is asked for afterwards.
    EXPECT_EQ(info(device.control()).redirected, 0u);
    EXPECT_EQ(info(device.control()).errors, 3u);
}

// Redirected to a disk that has gone already.
TEST_F(RedirectLife, BackingDeviceWasRemoved) {
    for (const int flags : {0, O_DIRECT}) {
        TestDevice gone(config_of());
        const Fd file = open_file(gone.block_path(), O_RDWR | flags);
        EXPECT_EQ(gone.remove(), 0);
        for (const bool writes : {false, true}) {
            const Io io = writes ? device.write(0, Buffer(4096)) : device.read(0, 4096);
            const userblk_request request = take(device.control());
            const int error = put(device.control(), redirect(request, file.get(), 0));
            if (error)
                put(device.control(), complete(request.id, -EIO));
            EXPECT_NE(io->result(), 0) << writes << ' ' << flags;
        }
    }
}

// What the file's disk answers is what the submitter is told.
TEST_F(RedirectLife, ErrorsOfTheBackingDeviceAreTold) {
    const Fd file = open_slow();
    for (const int error : {EIO, ENOSPC, EOPNOTSUPP, ETIMEDOUT}) {
        for (const bool writes : {false, true}) {
            const Io io = writes ? device.write(0, Buffer(4096)) : device.read(0, 4096);
            redirect_one(file.get());
            // Where the kernel asks again by other ways it gets the same.
            while (!eventually([&] { return io->finished(); }, std::chrono::milliseconds(20))) {
                userblk_request request = record();
                if (get(slow.control(), {&request, 1}).count)
                    put(slow.control(), complete(request.id, -error));
            }
            EXPECT_EQ(io->result(), error) << writes;
        }
    }
    EXPECT_EQ(info(device.control()).errors, 8u);
}

// One half of it fails.
TEST_F(RedirectLife, HalfOfItFails) {
    userblk_config config = config_of();
    config.max_transfer = 4096;
    TestDevice small(config);
    const Fd file = open_file(small.block_path(), O_RDWR | O_DIRECT);
    Server server(small, [&](const userblk_request& request) {
        return request.offset == 4096 ? complete(request.id, -EIO) : serve_from(store, request);
    });
    for (const bool writes : {false, true}) {
        const Io io = writes ? device.write(0, Buffer(16384)) : device.read(0, 16384);
        redirect_one(file.get());
        EXPECT_EQ(io->result(), EIO) << writes;
    }
}

// A device with a very slow file is in no other's way, and its own quick file is not in the way of
// that.
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

// The end of the file is where there should be data: an error, never a success with old bytes.
TEST_F(RedirectLife, FileWasTruncated) {
    const LoopDevice loop(32 << 20);
    const FileSystem file_system("ext4", loop.path());
    const Fd files[] = {memory_file(1 << 20), file_system.make_file("buffered", 1 << 20),
                        file_system.make_file("direct", 1 << 20, O_DIRECT)};
    for (const Fd& file : files) {
        for (const off_t size : {1 << 20, 65536 + 4096, 65536 + 512, 65536 + 1, 65536, 0}) {
            ASSERT_EQ(ftruncate(file.get(), size), 0);
            const Io io = device.read(65536, 8192);
            redirect_one(file.get());
            EXPECT_EQ(io->result(), size == 1 << 20 ? 0 : EIO) << size;
        }
    }
}

// The file is cut off while it is read, by a disk that answers later: all of the data, or an error.
TEST_F(RedirectLife, FileIsTruncatedMeanwhile) {
    userblk_config config = config_of(64 << 20);
    TestDevice disk(config);
    Store image = make_store(config.size);
    for (const int flags : {0, O_DIRECT}) {
        auto server = std::make_unique<Server>(disk, image);
        FileSystem file_system("ext4", disk.block_path());
        const Fd file = file_system.make_file("file", 1 << 20, flags);
        write_to_file(file.get(), 0, pattern(1 << 20, 3));
        ASSERT_EQ(fsync(file.get()), 0);
        ASSERT_EQ(posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
        server->stop();
        const Io io = device.read(65536, 65536);
        redirect_one(file.get());
        EXPECT_FALSE(io->finished());
        const Io cut =
            start_thread([&] { return ftruncate(file.get(), 65536 + 4096) ? errno : 0; });
        server = std::make_unique<Server>(disk, image);
        EXPECT_EQ(cut->result(), 0);
        const int error = io->result();
        EXPECT_TRUE(!error || error == EIO) << error;
        if (!error) {
            EXPECT_EQ(std::memcmp(io->data().data(), pattern(1 << 20, 3).data() + 65536, 65536), 0);
        }
        const Io later = device.read(65536, 65536);
        redirect_one(file.get());
        EXPECT_EQ(later->result(), EIO);
    }
}

// The worker's name counts, also where others act in it: what a file system keeps for root is not
// for a worker without privilege, by whom it was opened or not.
TEST_F(RedirectLife, SpaceForRootIsNotForOthers) {
    const LoopDevice loop(16 << 20);
    const FileSystem disk("ext4", loop.path());
    for (const int flags : {0, O_DIRECT}) {
        const Fd file = disk.make_file(flags ? "direct" : "buffered", 4096, flags);
        Child worker([&](ChildSide&) -> int {
            drop_privileges();
            for (;;) {
                userblk_request request = record();
                const GetResult got = get(device.control(), {&request, 1}, for_ever);
                if (got.error || !got.count ||
                    put(device.control(), redirect(request, file.get(), request.offset)))
                    return 1;
            }
        });
        int error = 0;
        for (std::uint64_t at = 0; at < default_size && !error; at += 262144)
            error = device.write(at, pattern(262144, 1))->result();
        EXPECT_EQ(error, ENOSPC);
        ASSERT_EQ(syncfs(file.get()), 0);
        struct statvfs left;
        ASSERT_EQ(fstatvfs(file.get(), &left), 0);
        EXPECT_GT(left.f_bfree, left.f_bavail + 64); // blocks that only root may take
        ASSERT_EQ(ftruncate(file.get(), 0), 0);
    }
}

// No space: the writer is told so, and reads of what was there go on.
TEST_F(RedirectLife, NoSpaceIsTold) {
    const LoopDevice loop(16 << 20);
    const FileSystem small(256 << 10), disk("ext4", loop.path());
    const Fd files[] = {small.make_file("file", 4096), disk.make_file("direct", 4096, O_DIRECT),
                        disk.make_file("buffered", 4096)};
    for (const Fd& file : files) {
        int error = 0;
        for (std::uint64_t at = 0; at < default_size && !error; at += 262144) {
            const Io io = device.write(at, pattern(262144, 1));
            redirect_one(file.get());
            error = io->result();
        }
        EXPECT_EQ(error, ENOSPC);
        ASSERT_EQ(ftruncate(file.get(), 0), 0);
    }
}

// A frozen file system: the answer does not wait for it, the request does.
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

// A file that has no name any more when it is written to, and nobody else has it open.
TEST_F(RedirectLife, FileWithoutAName) {
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

// The limit is on waiting in the queue: what is carried out takes as long as it takes.
TEST_F(RedirectLife, QueueLimitIsNotForIt) {
    userblk_config config = config_of();
    config.queue_limit_ns = 20'000'000;
    TestDevice hasty(config);
    const Fd file = open_slow();
    Io io;
    int answered = ESTALE;
    // The first ones may be late.
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

// Redirected from one device to the next, and from there to a file: three deep, with the disks'
// workers dead but one.
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

// Two devices whose files are each other: requests go round until one side holds them; removal of
// one ends it for both.
TEST_F(RedirectLife, TwoDevicesRoundAndRound) {
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
