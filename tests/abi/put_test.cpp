// SPDX-License-Identifier: MIT
//
// PUT: the effect of an answer, and the cost of a bad one.
#include <cstring>

#include <linux/fs.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

// Sends bad answers and checks that the request is still taken under the same id and that its
// submitter got no answer.
class Put : public KernelTest {
protected:
    struct Taken {
        TestDevice device;
        Io io;
        userblk_request request;
        Buffer data = pattern(4096, 7);

        explicit Taken(bool write = false) : Taken(write, test_config()) {}
        Taken(bool write, const userblk_config& config) : device(config) {
            io = write ? device.write(0, pattern(4096, 7)) : device.read(0, 4096);
            request = take(device.control());
        }
        int fd() const { return device.control(); }
        // The good answer, which must work after any bad one.
        userblk_answer good() {
            return request.op == USERBLK_OP_READ
                       ? complete_read(request.id, data.data(), data.size())
                       : complete(request.id);
        }
        void expect_still_taken() {
            EXPECT_FALSE(io->finished());
            const std::vector<userblk_taken> list = taken_list(fd());
            ASSERT_EQ(list.size(), 1u);
            EXPECT_EQ(list[0].id, request.id);
        }
        void expect_good_answer_does() {
            expect_still_taken();
            EXPECT_EQ(put(fd(), good()), 0);
            EXPECT_EQ(io->result(), 0);
            EXPECT_EQ(io->data(), data);
        }
    };

    // The result of a good answer with one change.
    template <class Change>
    static int refused(bool write, Change change) {
        Taken taken(write);
        userblk_answer answer = taken.good();
        change(answer);
        const int result = put(taken.fd(), answer);
        taken.expect_good_answer_does();
        return result;
    }
    template <class Change>
    static int refused_call(Change change) {
        Taken taken;
        userblk_answer answer = taken.good();
        userblk_put argument = put_argument({&answer, 1});
        change(argument);
        const int error = ioctl_error(taken.fd(), USERBLK_PUT, &argument);
        taken.expect_good_answer_does();
        return error;
    }
};

using A = userblk_answer;
using P = userblk_put;

TEST_F(Put, CountOfZeroIsRefused) {
    EXPECT_EQ(refused_call([](P& p) { p.count = 0; }), EINVAL);
}

TEST_F(Put, CountAboveTheMaximumIsRefused) {
    EXPECT_EQ(refused_call([](P& p) { p.count = 0xffffffffu; }), EINVAL);
    EXPECT_EQ(refused_call([](P& p) { p.count = USERBLK_MAX_BATCH + 1; }), EINVAL);
}

TEST_F(Put, WrongRecordSizeIsRefused) {
    EXPECT_EQ(refused_call([](P& p) { p.answer_size = 0; }), ENOTTY);
    EXPECT_EQ(refused_call([](P& p) { p.answer_size -= 8; }), ENOTTY);
    EXPECT_EQ(refused_call([](P& p) { p.answer_size += 8; }), ENOTTY);
}

TEST_F(Put, UnknownFlagOfTheCallIsRefused) {
    EXPECT_EQ(refused_call([](P& p) { p.flags = 1; }), EINVAL);
}

TEST_F(Put, BadArrayPointerLosesNothing) {
    EXPECT_EQ(refused_call([](P& p) { p.answers = bad_address; }), EFAULT);
    EXPECT_EQ(refused_call([](P& p) { p.answers = 0; }), EFAULT);
}

TEST_F(Put, BadArgumentPointerLosesNothing) {
    Taken taken;
    EXPECT_EQ(ioctl_error(taken.fd(), USERBLK_PUT, reinterpret_cast<void*>(bad_address)), EFAULT);
    EXPECT_EQ(ioctl_error(taken.fd(), USERBLK_PUT, nullptr), EFAULT);
    taken.expect_good_answer_does();
}

// PUT cannot write back to its argument: no answer may take effect without its result being
// reported.
TEST_F(Put, ReadOnlyArgumentLosesNothing) {
    Taken taken;
    userblk_answer answer = complete(1);
    EdgeMemory memory(4096);
    const userblk_put argument = put_argument({&answer, 1});
    std::memcpy(memory.before_edge(4096), &argument, sizeof(argument));
    memory.make_read_only();
    EXPECT_EQ(ioctl_error(taken.fd(), USERBLK_PUT, memory.before_edge(4096)), EFAULT);
    taken.expect_good_answer_does();
}

TEST_F(Put, UnknownActionIsRefused) {
    EXPECT_EQ(refused(false, [](A& a) { a.action = 6; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.action = 0xffff; }), EINVAL);
}

TEST_F(Put, UnknownFlagIsRefused) {
    EXPECT_EQ(refused(false, [](A& a) { a.flags = 1; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.flags = 0x8000; }), EINVAL);
}

TEST_F(Put, DirtyPaddingIsRefused) {
    EXPECT_EQ(refused(true, [](A& a) { a.offset = 1; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.fd = 1; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.result = 1; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.reserved0 = 1; }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.reserved[0] = 1; }), EINVAL);
    EXPECT_EQ(refused(false, [](A& a) { a.reserved[1] = 1ull << 63; }), EINVAL);
}

TEST_F(Put, StatusThatIsNoErrnoIsRefused) {
    for (const int status : {1, 5, -4096, -65536, INT32_MAX, INT32_MIN})
        EXPECT_EQ(refused(true, [=](A& a) { a.status = status; }), EINVAL) << status;
}

// Only COMPLETE has a status.
TEST_F(Put, StatusWithAnotherActionIsRefused) {
    Buffer room(4096);
    for (const userblk_answer& action :
         {fetch(0, room.data(), 4096), store(0, room.data(), 4096), give_back(0), adopt(0)})
        EXPECT_EQ(refused(true,
                          [=](A& a) {
                              const std::uint64_t id = a.id;
                              a = action;
                              a.id = id;
                              a.status = -EIO;
                          }),
                  EINVAL)
            << action.action;
}

// An address or a length that the action does not use.
TEST_F(Put, AddressWithoutUseIsRefused) {
    Buffer room(4096);
    EXPECT_EQ(refused(true, [&](A& a) { a.addr = address(room.data()); }), EINVAL);
    EXPECT_EQ(refused(true, [](A& a) { a.length = 4096; }), EINVAL);
    EXPECT_EQ(refused(true,
                      [&](A& a) {
                          a.action = USERBLK_ACTION_GIVE_BACK;
                          a.addr = address(room.data());
                      }),
              EINVAL);
    EXPECT_EQ(refused(true,
                      [&](A& a) {
                          a.action = USERBLK_ACTION_ADOPT;
                          a.length = 1;
                      }),
              EINVAL);
}

TEST_F(Put, FetchAndStoreOfAReadAreRefused) {
    EXPECT_EQ(refused(false, [](A& a) { a.action = USERBLK_ACTION_FETCH; }), EINVAL);
    EXPECT_EQ(refused(false, [](A& a) { a.action = USERBLK_ACTION_STORE; }), EINVAL);
}

TEST_F(Put, ReadWithTooMuchDataIsRefused) {
    EXPECT_EQ(refused(false, [](A& a) { a.length = 4097; }), EMSGSIZE);
    EXPECT_EQ(refused(false, [](A& a) { a.length = 0xffffffffu; }), EMSGSIZE);
}

TEST_F(Put, FetchAndStoreWithTooLittleRoomAreRefused) {
    Taken taken(true);
    Buffer room(4096);
    EXPECT_EQ(put(taken.fd(), fetch(taken.request.id, room.data(), 4095)), EMSGSIZE);
    EXPECT_EQ(put(taken.fd(), store(taken.request.id, room.data(), 0)), EMSGSIZE);
    EXPECT_TRUE(room.all(0));
    taken.expect_good_answer_does();
}

// The data's address is bad, or the memory ends too early: EFAULT, the request stays taken, and a
// good answer then gives the reader every byte.
TEST_F(Put, BadDataPointerLeavesTheReadTaken) {
    EXPECT_EQ(refused(false, [](A& a) { a.addr = bad_address; }), EFAULT);
    EXPECT_EQ(refused(false, [](A& a) { a.addr = 0; }), EFAULT);
    EdgeMemory memory(8192);
    std::memset(memory.before_edge(8192), 0x99, 8192);
    for (const std::size_t readable : {1u, 2048u, 4095u})
        EXPECT_EQ(refused(false, [&](A& a) { a.addr = address(memory.before_edge(readable)); }),
                  EFAULT)
            << readable;
}

// The same for the memory of a FETCH or STORE.
TEST_F(Put, BadStorePointerLeavesTheWriteTaken) {
    Taken taken(true);
    EdgeMemory memory(8192);
    const std::uint64_t id = taken.request.id;
    EXPECT_EQ(put(taken.fd(), store(id, reinterpret_cast<void*>(bad_address), 4096)), EFAULT);
    EXPECT_EQ(put(taken.fd(), store(id, nullptr, 4096)), EFAULT);
    EXPECT_EQ(put(taken.fd(), store(id, memory.before_edge(100), 4096)), EFAULT);
    EXPECT_EQ(put(taken.fd(), fetch(id, memory.before_edge(4095), 4096)), EFAULT);
    EXPECT_EQ(put(taken.fd(), fetch(id, memory.edge(), 4096)), EFAULT);
    memory.make_read_only();
    EXPECT_EQ(put(taken.fd(), store(id, memory.before_edge(4096), 4096)), EFAULT);
    taken.expect_good_answer_does();
}

// Ids that no GET returned: another generation, another tag, tags and queues that do not exist.
TEST_F(Put, IdNeverGivenIsStale) {
    Taken taken;
    const std::uint64_t id = taken.request.id;
    for (const std::uint64_t other : std::initializer_list<std::uint64_t>{
             0, ~0ull, id ^ 1, id + (1ull << 32), id - (1ull << 32), id | 0xffff, id | 0xffff0000,
             id ^ (1ull << 63)})
        EXPECT_EQ(put(taken.fd(), complete(other, -EIO)), ESTALE) << std::hex << other;
    EXPECT_EQ(info(taken.fd()).stale, 8u);
    taken.expect_good_answer_does();
}

// A queued request has an id too, but nobody has been given it.
TEST_F(Put, IdOfAQueuedRequestIsStale) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    ASSERT_EQ(put(device.control(), give_back(request.id)), 0);
    for (std::uint64_t generation = 0; generation < 4; generation++)
        EXPECT_EQ(put(device.control(), complete(request.id + (generation << 32), -EIO)), ESTALE);
    EXPECT_EQ(info(device.control()).queued, 1u);
    EXPECT_FALSE(io->finished());
}

TEST_F(Put, AnsweredIdIsStale) {
    Taken taken;
    const Buffer other(4096);
    EXPECT_EQ(put(taken.fd(), taken.good()), 0);
    EXPECT_EQ(put(taken.fd(), complete_read(taken.request.id, other.data(), 4096)), ESTALE);
    EXPECT_EQ(put(taken.fd(), complete(taken.request.id, -EIO)), ESTALE);
    EXPECT_EQ(taken.io->result(), 0);
    EXPECT_EQ(taken.io->data(), taken.data);
}

// A slot is reused by another request, which the old id does not name.
TEST_F(Put, AnsweredIdDoesNotNameTheNextRequestInItsSlot) {
    userblk_config config = test_config();
    config.depth = 1;
    Taken taken(false, config);
    EXPECT_EQ(put(taken.fd(), taken.good()), 0);
    EXPECT_EQ(taken.io->result(), 0);
    const Io next = taken.device.read(65536, 4096);
    const userblk_request request = take(taken.fd());
    EXPECT_NE(request.id, taken.request.id);
    EXPECT_EQ(put(taken.fd(), taken.good()), ESTALE);
    EXPECT_FALSE(next->finished());
    EXPECT_EQ(put(taken.fd(), complete(request.id, -EIO)), 0);
    EXPECT_EQ(next->result(), EIO);
}

// Two devices: an id of one means nothing to the other, whose own request is untouched.
TEST_F(Put, IdOfAnotherDeviceIsStale) {
    Taken taken;
    TestDevice other;
    EXPECT_EQ(put(other.control(), taken.good()), ESTALE);
    const Io io = other.read(0, 4096);
    EXPECT_EQ(put(other.control(), taken.good()), ESTALE);
    EXPECT_EQ(info(other.control()).queued, 1u);
    EXPECT_FALSE(io->finished());
    taken.expect_good_answer_does();
}

// A READ answered with too few bytes fails; its buffer holds the worker's bytes and what was there
// before, nothing else.
TEST_F(Put, ReadWithTooLittleDataIsAnIoError) {
    TestDevice device;
    for (const std::size_t length : {0u, 1u, 512u, 4095u, 8191u}) {
        const Io io = device.read(0, 8192);
        const userblk_request request = take(device.control());
        Buffer data(8192);
        data.fill(0x11);
        EXPECT_EQ(put(device.control(),
                      complete_read(request.id, length ? data.data() : nullptr, length)),
                  0);
        EXPECT_EQ(io->result(), EIO) << length;
        for (std::size_t i = 0; i < 8192; i++) {
            const std::uint8_t byte = io->data()[i];
            ASSERT_TRUE(byte == 0xee || (byte == 0x11 && i < length)) << length << ' ' << i;
        }
    }
    EXPECT_EQ(info(device.control()).errors, 5u);
}

// The same through the page cache: the page is not shown, and the next read asks again.
TEST_F(Put, ShortReadIsNotCached) {
    TestDevice device;
    const Fd fd = open_file(device.block_path(), O_RDONLY);
    const auto read_page = [&](Buffer& to) {
        return device.start(
            [&] { return pread(fd.get(), to.data(), to.size(), 0) == 4096 ? 0 : errno; });
    };
    const Buffer data = pattern(4096, 8);
    Buffer first(4096), second(4096);
    posix_fadvise(fd.get(), 0, 0, POSIX_FADV_RANDOM); // no readahead
    Io io = read_page(first);
    // The kernel may retry a failed page once.
    while (!eventually([&] { return io->finished(); }, std::chrono::milliseconds(50))) {
        userblk_request request = record();
        if (!get(device.control(), {&request, 1}).count)
            continue;
        EXPECT_EQ(put(device.control(), complete_read(request.id, data.data(), 100)), 0);
    }
    EXPECT_EQ(io->result(), EIO);
    EXPECT_TRUE(first.all(0));
    io = read_page(second);
    const userblk_request request = take(device.control());
    std::vector<std::uint8_t> whole(request.length);
    fill_pattern(whole.data(), whole.size(), 8);
    EXPECT_EQ(put(device.control(), complete_read(request.id, whole.data(), whole.size())), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(second, data);
}

// An answer fills half of a READ and then faults; the READ is put back and answered by another
// delivery: only the bytes of that one count.
TEST_F(Put, BytesOfAnEarlierDeliveryDoNotCount) {
    Taken taken;
    EdgeMemory memory(4096);
    std::memset(memory.before_edge(2048), 0x99, 2048);
    EXPECT_EQ(put(taken.fd(), complete_read(taken.request.id, memory.before_edge(2048), 4096)),
              EFAULT);
    ASSERT_EQ(reset_all(taken.fd()).count, 1u);
    taken.request = take(taken.fd());
    // The second half alone would be enough if the first half's bytes counted.
    EXPECT_EQ(put(taken.fd(), complete_read(taken.request.id, taken.data.data(), 2048)), 0);
    EXPECT_EQ(taken.io->result(), EIO);
}

// One process answers what another one took.
TEST_F(Put, AnyProcessAnswersWhatAnotherTook) {
    Taken taken;
    Child child([&](ChildSide&) { return put(taken.device.open_control().get(), taken.good()); });
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(taken.io->result(), 0);
    EXPECT_EQ(taken.io->data(), taken.data);
}

// The user of the device gets an error as the block layer reports it.
TEST_F(Put, StatusReachesTheUser) {
    TestDevice device;
    const std::pair<int, int> errors[] = {
        {EIO, EIO},         {ENOSPC, ENOSPC},       {EOPNOTSUPP, EOPNOTSUPP},
        {ENODATA, ENODATA}, {ETIMEDOUT, ETIMEDOUT}, {ENOLINK, ENOLINK},
        {EILSEQ, EILSEQ},   {EPERM, EIO},           {4095, EIO}};
    for (const auto& [given, seen] : errors) {
        const Io io = device.write(0, Buffer(4096));
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), complete(request.id, -given)), 0);
        EXPECT_EQ(io->result(), seen) << given;
    }
    EXPECT_EQ(info(device.control()).errors, std::size(errors));
    EXPECT_EQ(info(device.control()).bytes_written, 0u);
}

// A batch with good and bad records: each has its own result, and the good ones take effect.
TEST_F(Put, BadRecordsDoNotSpoilTheOthers) {
    TestDevice device;
    const std::vector<Io> ios = device.read_many(4);
    const std::vector<userblk_request> requests = take_up_to(device.control(), 4);
    ASSERT_EQ(requests.size(), 4u);
    const Buffer data = pattern(4096, 30);
    userblk_answer answers[] = {
        complete_read(requests[0].id, data.data(), 4096),
        complete_read(requests[1].id, reinterpret_cast<void*>(bad_address), 4096),
        complete(12345, 0),
        complete_read(requests[2].id, data.data(), 4097),
        complete_read(requests[3].id, data.data(), 4096),
        complete_read(requests[0].id, data.data(), 4096),
    };
    const PutResult result = put(device.control(), answers);
    EXPECT_EQ(result.error, 0);
    EXPECT_EQ(result.failed, 4u);
    EXPECT_EQ(answers[0].result, 0);
    EXPECT_EQ(answers[1].result, -EFAULT);
    EXPECT_EQ(answers[2].result, -ESTALE);
    EXPECT_EQ(answers[3].result, -EMSGSIZE);
    EXPECT_EQ(answers[4].result, 0);
    EXPECT_EQ(answers[5].result, -ESTALE);
    EXPECT_EQ(ios[0]->result(), 0);
    EXPECT_EQ(ios[3]->result(), 0);
    EXPECT_EQ(ios[0]->data(), data);
    EXPECT_EQ(info(device.control()).taken, 2u);
}

// A batch larger than what the kernel processes at a time, with a few bad records.
TEST_F(Put, LargeBatchWithAFewBadRecords) {
    TestDevice device;
    const std::vector<Io> ios = device.read_many(100);
    const std::vector<userblk_request> requests = take_up_to(device.control(), 100);
    ASSERT_EQ(requests.size(), 100u);
    std::vector<Buffer> data;
    std::vector<userblk_answer> answers;
    for (std::size_t i = 0; i < 100; i++) {
        data.push_back(pattern(4096, i));
        answers.push_back(complete_read(requests[i].id, data[i].data(), i % 7 ? 4096 : 9999));
    }
    EXPECT_EQ(put(device.control(), answers).failed, 15u);
    for (std::size_t i = 0; i < 100; i++) {
        EXPECT_EQ(answers[i].result, i % 7 ? 0 : -EMSGSIZE) << i;
        if (i % 7) {
            EXPECT_EQ(ios[i]->result(), 0);
            EXPECT_EQ(ios[i]->data(), pattern(4096, requests[i].offset >> 16));
        }
    }
}

// The second part of the array is missing: EFAULT for the call; the records before it may have been
// carried out, the rest is still taken.
TEST_F(Put, ArrayThatEndsEarlyLosesNothing) {
    TestDevice device;
    device.read_many(16);
    const std::vector<userblk_request> requests = take_up_to(device.control(), 16);
    ASSERT_EQ(requests.size(), 16u);
    EdgeMemory memory(4096);
    auto* answers =
        reinterpret_cast<userblk_answer*>(memory.before_edge(10 * sizeof(userblk_answer)));
    for (std::size_t i = 0; i < 10; i++)
        answers[i] = complete(requests[i].id, -EIO);
    userblk_put argument = put_argument({answers, 16});
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_PUT, &argument), EFAULT);
    const std::uint64_t left = info(device.control()).taken;
    EXPECT_GE(left, 6u);
    for (std::size_t i = 0; i < 16; i++)
        put(device.control(), complete(requests[i].id, -EIO));
    EXPECT_EQ(info(device.control()).taken, 0u);
}

// A taker gives requests back: the next GET gets them in their original order, marked as
// redelivered.
TEST_F(Put, GiveBackKeepsThePlace) {
    TestDevice device;
    device.read_many(3);
    std::vector<userblk_request> requests = take_each(device.control(), 3);
    EXPECT_EQ(put(device.control(), give_back(requests[1].id)), 0);
    EXPECT_EQ(put(device.control(), give_back(requests[2].id)), 0);
    EXPECT_EQ(put(device.control(), give_back(requests[0].id)), 0);
    EXPECT_EQ(info(device.control()).given_back, 3u);
    device.read(1 << 20, 4096); // later
    for (std::uint64_t i = 0; i < 3; i++) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(request.offset, i << 16);
        EXPECT_EQ(request.flags, USERBLK_REQ_REDELIVERED);
        EXPECT_EQ(request.deliveries, 2u);
        EXPECT_NE(request.id, requests[i].id);
        EXPECT_EQ(put(device.control(), complete(requests[i].id, -EIO)), ESTALE);
    }
    EXPECT_EQ(take(device.control()).offset, 1u << 20);
}

// A give-back wakes a waiter.
TEST_F(Put, GiveBackWakesAWaiter) {
    Taken taken;
    Child child([&](ChildSide& side) {
        userblk_request request = record();
        side.tell();
        if (get(taken.fd(), {&request, 1}, for_ever).count != 1)
            return 1;
        return put(taken.fd(), complete(request.id, -ENOSPC));
    });
    child.await();
    EXPECT_TRUE(eventually_sleeps(child.pid()));
    EXPECT_EQ(put(taken.fd(), give_back(taken.request.id)), 0);
    EXPECT_EQ(child.wait(), 0);
    EXPECT_EQ(taken.io->result(), ENOSPC);
}

// The counters of answered requests.
TEST_F(Put, CountersCountAnswers) {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    TestDevice device(config);
    Store store = make_store(default_size);
    {
        Server server(device, store);
        EXPECT_EQ(device.read(0, 8192)->result(), 0);
        EXPECT_EQ(device.write(0, Buffer(4096))->result(), 0);
        EXPECT_EQ(device.write(65536, Buffer(4096))->result(), 0);
        EXPECT_EQ(device.flush()->result(), 0);
        std::uint64_t range[2] = {0, 65536};
        const int fd = device.block();
        EXPECT_EQ(ioctl_error(fd, BLKDISCARD, range), 0);
        EXPECT_EQ(ioctl_error(fd, BLKZEROOUT, range), 0);
    }
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.reads, 1u);
    EXPECT_EQ(state.writes, 2u);
    EXPECT_GE(state.flushes, 1u);
    EXPECT_EQ(state.discards, 1u);
    EXPECT_EQ(state.write_zeroes, 1u);
    EXPECT_EQ(state.bytes_read, 8192u);
    EXPECT_EQ(state.bytes_written, 8192u);
    EXPECT_EQ(state.errors, 0u);
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.taken, 0u);
}

// A READ of a hole: the worker has no data, and the kernel fills in zeros.
TEST_F(Put, ZeroesFillARead) {
    for (const std::size_t length : {std::size_t(512), std::size_t(4096), std::size_t(128 << 10)}) {
        TestDevice device(test_config());
        Io io = device.read(0, length);
        const userblk_request request = take(device.control());
        userblk_answer answer = complete(request.id);
        answer.flags = USERBLK_ANSWER_ZEROES;
        answer.length = static_cast<std::uint32_t>(length);
        EXPECT_EQ(put(device.control(), answer), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), Buffer(length));
    }
}

// Zeros for a part of it would leave the rest unwritten: that is an I/O error.
TEST_F(Put, ZeroesForAPartFailARead) {
    Taken taken;
    userblk_answer answer = complete(taken.request.id);
    answer.flags = USERBLK_ANSWER_ZEROES;
    answer.length = 2048;
    EXPECT_EQ(put(taken.fd(), answer), 0);
    EXPECT_EQ(taken.io->result(), EIO);
}

// Zeros together with data, an error, a WRITE or another action are a contradiction.
TEST_F(Put, ZeroesWithAnythingElseAreRefused) {
    const auto zeroes = [](auto change) {
        return [change](A& a) {
            a.addr = 0;
            a.flags = USERBLK_ANSWER_ZEROES;
            change(a);
        };
    };
    const Buffer data(4096);
    EXPECT_EQ(refused(false, zeroes([&](A& a) { a.addr = address(data.data()); })), EINVAL);
    EXPECT_EQ(refused(false, zeroes([](A& a) { a.status = -EIO; })), EINVAL);
    EXPECT_EQ(refused(false, zeroes([](A& a) { a.length += 512; })), EMSGSIZE);
    EXPECT_EQ(refused(true, zeroes([](A&) {})), EINVAL);
    for (const auto action : {USERBLK_ACTION_FETCH, USERBLK_ACTION_STORE, USERBLK_ACTION_GIVE_BACK,
                              USERBLK_ACTION_ADOPT})
        EXPECT_EQ(
            refused(true, zeroes([&](A& a) { a.action = static_cast<std::uint16_t>(action); })),
            EINVAL);
}

// Workers learn about the feature from INFO, without privileges.
TEST_F(Put, ZeroesAreAFeature) {
    TestDevice device(test_config());
    EXPECT_TRUE(info(device.control()).features & USERBLK_FEATURE_ZEROES);
}

// One batch answers many requests, some with errors: every submitter gets its own result.
TEST_F(Put, ErrorsInABatchReachTheirOwn) {
    constexpr unsigned count = 40;
    TestDevice device(test_config());
    std::vector<Io> ios;
    for (unsigned i = 0; i < count; ++i)
        ios.push_back(i % 2 ? device.write(i * 8192, pattern(4096, i))
                            : device.read(i * 8192, 4096));
    std::vector<userblk_answer> answers;
    const Buffer data = pattern(4096, 3);
    while (answers.size() < count) {
        const userblk_request request = take(device.control());
        const bool fails = request.offset / 8192 % 3 == 0;
        auto answer = request.op == USERBLK_OP_READ
                          ? complete_read(request.id, data.data(), data.size())
                          : complete(request.id);
        if (fails) {
            answer = complete(request.id);
            answer.status = -ENOSPC;
        }
        answers.push_back(answer);
    }
    userblk_put argument = put_argument(answers);
    ASSERT_EQ(ioctl_error(device.control(), USERBLK_PUT, &argument), 0);
    EXPECT_EQ(argument.failed, 0u);
    for (unsigned i = 0; i < count; ++i)
        EXPECT_EQ(ios[i]->result(), i % 3 == 0 ? ENOSPC : 0) << i;
}

} // namespace userblk::test
