// SPDX-License-Identifier: MIT
//
// GET, PUT, SERVE and the payload as a file, with each allocation and copy failing in turn. A fault
// during delivery leaves the request queued, one during the answer leaves it taken; the next try,
// without a fault, finds it there and completes it with the right data.
#include <cstring>
#include <optional>

#include <unistd.h>

#include "tests/support/child.hpp"

#include "faults_test.hpp"

namespace userblk::test {

class Requests : public FaultTest {
protected:
    static constexpr std::size_t length = 16384;
    std::optional<TestDevice> device{std::in_place};
    Buffer memory{length};
    unsigned int seed = 1;

    // A new device does not know this process yet: the first take needs memory.
    void renew_device() { device.emplace(); }
    // Takes a request and holds it, in a separate process, so that the device still does not know
    // this one.
    Child other_taker(std::uint64_t& id) {
        Child taker([&](ChildSide& side) -> int {
            side.tell(take(device->control()).id);
            side.sleep_for_ever();
        });
        id = taker.await();
        return taker;
    }
    // Whatever happened to a request, it is in exactly one state.
    void expect_queued_and_taken(std::uint64_t queued, std::uint64_t taken) {
        const userblk_info state = info(device->control());
        EXPECT_EQ(state.queued, queued);
        EXPECT_EQ(state.taken, taken);
        EXPECT_EQ(state.errors, 0u);
    }
    // After a PUT of one record, which ends the request if it succeeds.
    void expect_done_or_taken(int error) {
        expect_told(error);
        expect_queued_and_taken(0, error ? 1 : 0);
    }
    int put_one(FaultPoint& point, userblk_answer& answer, int fd) {
        userblk_put argument = put_argument({&answer, 1});
        const int error = point.run([&] { return ioctl_error(fd, USERBLK_PUT, &argument); });
        if (!error) {
            EXPECT_EQ(argument.failed, answer.result ? 1u : 0u);
        }
        return error ? error : -answer.result;
    }
    // A WRITE of new data, and a copy of that data.
    Io start_write(Buffer& data) {
        data = pattern(length, seed++);
        return device->write(0, pattern(length, seed - 1));
    }
    void expect_read(const Io& io, const Buffer& data) {
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), data);
    }
};

// The process takes for the first time, which needs memory.
TEST_F(Requests, GetOfAWrite) {
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      renew_device();
                      Buffer data;
                      const Io io = start_write(data);
                      const Fd fd = device->open_control();
                      userblk_request request = record(memory.data(), memory.size());
                      userblk_get argument = get_argument({&request, 1});
                      memory.fill(0);
                      int error =
                          point.run([&] { return ioctl_error(fd.get(), USERBLK_GET, &argument); });
                      if (!error && argument.count)
                          error = -request.result;
                      expect_told(error);
                      expect_queued_and_taken(error ? 1 : 0, error ? 0 : 1);
                      if (error)
                          request = take(fd.get(), memory.data(), memory.size());
                      EXPECT_EQ(memory, data);
                      EXPECT_EQ(put(fd.get(), complete(request.id)), 0);
                      EXPECT_EQ(io->result(), 0);
                      return error;
                  }),
                  5);
}

// The request that a fault hits stays queued; all are delivered in the end, none twice.
TEST_F(Requests, GetOfABatch) {
    expect_faults(
        fail_each_step([&](FaultPoint& point) {
            const std::vector<Io> ios = device->read_many(20);
            userblk_request requests[20];
            std::fill(std::begin(requests), std::end(requests), record());
            userblk_get argument = get_argument(requests);
            const int error =
                point.run([&] { return ioctl_error(device->control(), USERBLK_GET, &argument); });
            expect_told(error);
            const std::uint32_t got = error ? 0 : argument.count;
            expect_queued_and_taken(20 - got, got);
            if (!point.hit()) {
                EXPECT_EQ(got, 20u);
            }
            std::vector<userblk_request> all(requests, requests + got);
            const auto rest = take_each(device->control(), 20 - got);
            all.insert(all.end(), rest.begin(), rest.end());
            for (const userblk_request& request : all)
                EXPECT_EQ(put(device->control(), complete_read(request.id, memory.data(), 4096)),
                          0);
            for (const Io& io : ios)
                EXPECT_EQ(io->result(), 0);
            return error;
        }),
        4);
}

TEST_F(Requests, AnswerOfARead) {
    const Buffer data = pattern(length, 77);
    expect_faults(
        fail_each_step([&](FaultPoint& point) {
            const Io io = device->read(0, length);
            const userblk_request request = take(device->control());
            userblk_answer answer = complete_read(request.id, data.data(), length);
            const int error = put_one(point, answer, device->control());
            expect_done_or_taken(error);
            if (error) {
                EXPECT_EQ(put(device->control(), complete_read(request.id, data.data(), length)),
                          0);
            }
            expect_read(io, data);
            return error;
        }),
        1);
}

// A FETCH leaves the WRITE taken in any case; a STORE that faults does, too.
TEST_F(Requests, FetchAndStore) {
    for (const bool store_it : {false, true}) {
        expect_faults(fail_each_step([&](FaultPoint& point) {
                          Buffer data;
                          const Io io = start_write(data);
                          const userblk_request request = take(device->control());
                          const auto answer_with = [&] {
                              return store_it ? store(request.id, memory.data(), length)
                                              : fetch(request.id, memory.data(), length);
                          };
                          memory.fill(0);
                          userblk_answer answer = answer_with();
                          const int error = put_one(point, answer, device->control());
                          expect_told(error);
                          expect_queued_and_taken(0, error || !store_it ? 1 : 0);
                          if (error) {
                              EXPECT_EQ(put(device->control(), answer_with()), 0);
                          }
                          EXPECT_EQ(memory, data);
                          if (!store_it) {
                              EXPECT_EQ(put(device->control(), complete(request.id)), 0);
                          }
                          EXPECT_EQ(io->result(), 0);
                          return error;
                      }),
                      1);
    }
}

// A give-back either queues the request or leaves it taken.
TEST_F(Requests, GiveBack) {
    expect_faults(
        fail_each_step([&](FaultPoint& point) {
            const Io io = device->read(0, length);
            const userblk_request request = take(device->control());
            userblk_answer answer = give_back(request.id);
            const int error = put_one(point, answer, device->control());
            expect_told(error);
            expect_queued_and_taken(error ? 0 : 1, error ? 1 : 0);
            if (error) {
                EXPECT_EQ(put(device->control(), give_back(request.id)), 0);
            }
            const userblk_request again = take(device->control());
            EXPECT_EQ(put(device->control(), complete_read(again.id, memory.data(), length)), 0);
            EXPECT_EQ(io->result(), 0);
            return error;
        }),
        0);
}

// A process that the device does not know yet adopts another's request: that needs memory.
TEST_F(Requests, Adoption) {
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      renew_device();
                      const Io io = device->read(0, length);
                      std::uint64_t id = 0;
                      const Child taker = other_taker(id);
                      const Fd fd = device->open_control();
                      userblk_answer answer = adopt(id);
                      const int error = put_one(point, answer, fd.get());
                      expect_told(error);
                      const auto list = taken_list(device->control());
                      EXPECT_EQ(list.size(), 1u);
                      if (list.size() == 1) {
                          EXPECT_EQ(list[0].pid, error ? taker.pid() : getpid());
                      }
                      if (error) {
                          EXPECT_EQ(put(fd.get(), adopt(id)), 0);
                      }
                      EXPECT_EQ(put(fd.get(), complete_read(id, memory.data(), length)), 0);
                      EXPECT_EQ(io->result(), 0);
                      return error;
                  }),
                  2);
}

// The results cannot be written back: the accepted answer has taken effect only once, and the bad
// one beside it changed nothing.
TEST_F(Requests, ResultsThatCannotBeWritten) {
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      const std::vector<Io> ios = device->read_many(1);
                      const userblk_request request = take(device->control());
                      userblk_answer answers[2] = {complete_read(request.id, memory.data(), 4096),
                                                   complete(request.id ^ 1)};
                      userblk_put argument = put_argument(answers);
                      const int error = point.run(
                          [&] { return ioctl_error(device->control(), USERBLK_PUT, &argument); });
                      expect_told(error);
                      if (!error) {
                          EXPECT_EQ(answers[1].result, -ESTALE);
                      }
                      const int again =
                          put(device->control(), complete_read(request.id, memory.data(), 4096));
                      EXPECT_TRUE(again == 0 || again == ESTALE) << strerror(again);
                      EXPECT_EQ(ios[0]->result(), 0);
                      expect_queued_and_taken(0, 0);
                      return error;
                  }),
                  2);
}

// An answer and a new request in one call: wherever it fails, neither of the two requests is lost.
TEST_F(Requests, Serve) {
    const Buffer data = pattern(length, 78);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      renew_device();
                      const Io read = device->read(0, length);
                      std::uint64_t first = 0;
                      const Child taker = other_taker(first);
                      Buffer written;
                      const Io write = start_write(written);
                      const Fd fd = device->open_control();
                      userblk_answer answer = complete_read(first, data.data(), length);
                      userblk_request second = record(memory.data(), length);
                      userblk_serve argument = serve_argument({&answer, 1}, {&second, 1});
                      memory.fill(0);
                      int error = point.run(
                          [&] { return ioctl_error(fd.get(), USERBLK_SERVE, &argument); });
                      expect_told(error);
                      const int again = put(fd.get(), complete_read(first, data.data(), length));
                      // The PUT part as a whole may have been refused, or its record; otherwise the
                      // answer has taken effect.
                      EXPECT_EQ(again, !error && !answer.result ? ESTALE : again);
                      EXPECT_TRUE(again == 0 || again == ESTALE) << strerror(again);
                      expect_read(read, data);
                      const bool got = !error && argument.get.count && !second.result;
                      expect_queued_and_taken(got ? 0 : 1, got ? 1 : 0);
                      if (!got)
                          second = take(fd.get(), memory.data(), length);
                      EXPECT_EQ(memory, written);
                      EXPECT_EQ(put(fd.get(), complete(second.id)), 0);
                      EXPECT_EQ(write->result(), 0);
                      if (!error)
                          error = got ? -answer.result : EFAULT;
                      return error;
                  }),
                  4);
}

// A process that the device does not know yet cannot take without memory to record it. It gets
// ENOMEM, and the request is there for the next call.
TEST_F(Requests, GetWithoutMemory) {
    const NoMemory none;
    Buffer written;
    const Io write = start_write(written);
    userblk_request request = record(memory.data(), length);
    userblk_get argument = get_argument({&request, 1});
    EXPECT_EQ(none.run([&] { return ioctl_error(device->control(), USERBLK_GET, &argument); }),
              ENOMEM);
    expect_queued_and_taken(1, 0);
    request = take(device->control(), memory.data(), length);
    EXPECT_EQ(memory, written);
    EXPECT_EQ(put(device->control(), complete(request.id)), 0);
    EXPECT_EQ(write->result(), 0);
}

// The same for an adoption: the request stays with its old taker.
TEST_F(Requests, AdoptionWithoutMemory) {
    const NoMemory none;
    const Buffer data = pattern(length, 80);
    const Io read = device->read(0, length);
    std::uint64_t id = 0;
    const Child taker = other_taker(id);
    userblk_answer answer = adopt(id);
    userblk_put argument = put_argument({&answer, 1});
    EXPECT_EQ(none.run([&] { return ioctl_error(device->control(), USERBLK_PUT, &argument); }), 0);
    EXPECT_EQ(answer.result, -ENOMEM);
    const auto list = taken_list(device->control());
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].pid, taker.pid());
    EXPECT_EQ(put(device->control(), complete_read(id, data.data(), length)), 0);
    expect_read(read, data);
}

// The answer in the same call takes effect.
TEST_F(Requests, ServeWithoutMemory) {
    const NoMemory none;
    const Buffer data = pattern(length, 81);
    const Io read = device->read(0, length);
    std::uint64_t id = 0;
    const Child taker = other_taker(id);
    Buffer written;
    const Io write = start_write(written);
    userblk_answer answer = complete_read(id, data.data(), length);
    userblk_request request = record(memory.data(), length);
    userblk_serve argument = serve_argument({&answer, 1}, {&request, 1});
    EXPECT_EQ(none.run([&] { return ioctl_error(device->control(), USERBLK_SERVE, &argument); }),
              ENOMEM);
    expect_queued_and_taken(1, 0);
    expect_read(read, data);
    request = take(device->control(), memory.data(), length);
    EXPECT_EQ(memory, written);
    EXPECT_EQ(put(device->control(), complete(request.id)), 0);
    EXPECT_EQ(write->result(), 0);
}

// The payload as a file: the call returns what it transferred, and the rest can be transferred
// later.
TEST_F(Requests, PayloadByPreadAndPwrite) {
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      Buffer data;
                      const Io io = start_write(data);
                      const userblk_request request = take(device->control());
                      const auto place = static_cast<off_t>(request.payload);
                      ssize_t moved = 0;
                      memory.fill(0);
                      const int error = point.run([&] {
                          moved = pread(device->control(), memory.data(), length, place);
                          return moved < 0 ? errno : 0;
                      });
                      expect_told(error);
                      EXPECT_EQ(pread(device->control(), memory.data(), length, place),
                                static_cast<ssize_t>(length));
                      EXPECT_EQ(memory, data);
                      EXPECT_EQ(put(device->control(), complete(request.id)), 0);
                      EXPECT_EQ(io->result(), 0);
                      return error;
                  }),
                  1);
    const Buffer data = pattern(length, 79);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      const Io io = device->read(0, length);
                      const userblk_request request = take(device->control());
                      const auto place = static_cast<off_t>(request.payload);
                      ssize_t moved = 0;
                      const int error = point.run([&] {
                          moved = pwrite(device->control(), data.data(), length, place);
                          return moved < 0 ? errno : 0;
                      });
                      expect_told(error);
                      EXPECT_EQ(pwrite(device->control(), data.data(), length, place),
                                static_cast<ssize_t>(length));
                      EXPECT_EQ(put(device->control(), complete(request.id)), 0);
                      expect_read(io, data);
                      return error;
                  }),
                  1);
}

// Spliced to a pipe, for which the kernel allocates pages.
TEST_F(Requests, PayloadBySplice) {
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const Fd out(ends[0]), in(ends[1]);
    expect_faults(
        fail_each_step([&](FaultPoint& point) {
            Buffer data;
            const Io io = start_write(data);
            const userblk_request request = take(device->control());
            loff_t place = static_cast<loff_t>(request.payload);
            ssize_t moved = 0;
            const int error = point.run([&] {
                moved = splice(device->control(), &place, in.get(), nullptr, length, 0);
                return moved < 0 ? errno : 0;
            });
            expect_told(error);
            memory.fill(0);
            // If only the new offset could not be written back, the data is in the pipe all the
            // same.
            const ssize_t got = read(out.get(), memory.data(), length);
            EXPECT_TRUE(got == moved || error == EFAULT || (got < 0 && moved <= 0)) << got;
            if (got > 0) {
                EXPECT_EQ(std::memcmp(memory.data(), data.data(), static_cast<std::size_t>(got)),
                          0);
            }
            EXPECT_EQ(place, static_cast<loff_t>(request.payload) + std::max<ssize_t>(moved, 0));
            EXPECT_EQ(put(device->control(), complete(request.id)), 0);
            EXPECT_EQ(io->result(), 0);
            return error;
        }),
        2);
}

} // namespace userblk::test
