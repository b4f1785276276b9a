// SPDX-License-Identifier: MIT
//
// A worker accesses memory that never answers (userfaultfd here; FUSE or the device itself would do
// as well): it hangs, and nobody else does.
#include <csignal>
#include <cstring>
#include <thread>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

class StuckWorker : public KernelTest {
protected:
    TestDevice device;
    Store store = make_store(default_size);

    // Runs the body with memory on which any access hangs; returns once an access does.
    Child stuck(const std::function<void(const Fd&, void*)>& body) {
        Child child([&, this](ChildSide& side) -> int {
            UnansweredMemory memory(64 << 10);
            const Fd fd = device.open_control();
            std::thread([&] { side.tell(memory.touched()); }).detach();
            body(fd, memory.data());
            side.sleep_for_ever();
        });
        EXPECT_EQ(child.await(), 1u) << "nobody touched the memory";
        EXPECT_TRUE(eventually_sleeps(child.pid()));
        return child;
    }
    // Everything that others do still works: RESET, reads, writes and removal finish.
    void expect_life_goes_on() {
        EXPECT_EQ(reset_all(device.control()).error, 0);
        EXPECT_EQ(reset_dead(device.control()).error, 0);
        EXPECT_EQ(taken_list(device.control()).size(), 0u);
        Server server(device, store);
        EXPECT_EQ(device.write(4 << 20, pattern(65536, 1))->result(), 0);
        EXPECT_EQ(device.read(4 << 20, 65536)->result(), 0);
        EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
    }
    void expect_removal_ends() {
        device.read(0, 4096);
        EXPECT_EQ(device.remove(), 0);
    }
    // It can be killed, and leaves nothing behind.
    static void expect_to_end(Child& child) {
        child.signal(SIGKILL);
        EXPECT_EQ(child.wait(), 128 + SIGKILL);
    }
};

// GET hangs on the memory for a payload: another worker gets the request.
TEST_F(StuckWorker, InThePayloadOfAGet) {
    const Io io = device.write(0, pattern(4096, 2));
    Child child = stuck([](const Fd& fd, void* memory) {
        userblk_request request = record(memory, 65536);
        get(fd.get(), {&request, 1});
    });
    reset_all(device.control());
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), serve_from(store, request)), 0);
    EXPECT_EQ(io->result(), 0);
    expect_life_goes_on();
    expect_to_end(child);
    expect_removal_ends();
}

// The same, and it is not killed before the device is removed.
TEST_F(StuckWorker, InThePayloadOfAGetDuringRemoval) {
    const Io io = device.write(0, pattern(4096, 2));
    Child child = stuck([](const Fd& fd, void* memory) {
        userblk_request request = record(memory, 65536);
        get(fd.get(), {&request, 1});
    });
    expect_removal_ends();
    EXPECT_NE(io->result(), 0);
    expect_to_end(child);
}

// PUT hangs on the data of a READ: a RESET takes the request away.
TEST_F(StuckWorker, InTheDataOfAPut) {
    const Io io = device.read(0, 4096);
    Child child = stuck([](const Fd& fd, void* memory) {
        const userblk_request request = take(fd.get());
        put(fd.get(), complete_read(request.id, memory, request.length));
    });
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), serve_from(store, request)), 0);
    EXPECT_EQ(io->result(), 0);
    expect_life_goes_on();
    expect_to_end(child);
    expect_removal_ends();
}

// The same, and it is not killed before the device is removed.
TEST_F(StuckWorker, InTheDataOfAPutDuringRemoval) {
    const Io io = device.read(0, 4096);
    Child child = stuck([](const Fd& fd, void* memory) {
        const userblk_request request = take(fd.get());
        put(fd.get(), complete_read(request.id, memory, request.length));
    });
    expect_removal_ends();
    EXPECT_NE(io->result(), 0);
    expect_to_end(child);
}

// It holds the request while it hangs; once killed, it leaves an orphan.
TEST_F(StuckWorker, KilledLeavesAnOrphan) {
    const Io io = device.read(0, 4096);
    Child child = stuck([](const Fd& fd, void* memory) {
        const userblk_request request = take(fd.get());
        put(fd.get(), complete_read(request.id, memory, request.length));
    });
    EXPECT_EQ(reset_dead(device.control()).count, 0u);
    expect_to_end(child);
    EXPECT_EQ(reset_dead(device.control()).count, 1u);
    Server server(device, store);
    EXPECT_EQ(io->result(), 0);
}

// FETCH and STORE hang on the memory for the payload.
TEST_F(StuckWorker, InAStore) {
    const Io io = device.write(0, pattern(4096, 2));
    Child child = stuck([](const Fd& fd, void* memory) {
        const userblk_request request = take(fd.get());
        put(fd.get(), userblk::test::store(request.id, memory, 65536));
    });
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), serve_from(store, request)), 0);
    EXPECT_EQ(io->result(), 0);
    expect_life_goes_on();
    expect_to_end(child);
}

// The records of a GET cannot be read: nothing is taken.
TEST_F(StuckWorker, InTheRecordsOfAGet) {
    const Io io = device.read(0, 4096);
    Child child = stuck([](const Fd& fd, void* memory) {
        get(fd.get(), {static_cast<userblk_request*>(memory), 16});
    });
    EXPECT_EQ(info(device.control()).taken, 0u);
    EXPECT_EQ(info(device.control()).queued, 1u);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), serve_from(store, request)), 0);
    EXPECT_EQ(io->result(), 0);
    expect_life_goes_on();
    expect_removal_ends();
    expect_to_end(child);
}

// The records of a PUT cannot be read: the requests stay taken.
TEST_F(StuckWorker, InTheRecordsOfAPut) {
    const Io io = device.read(0, 4096);
    Child child = stuck([](const Fd& fd, void* memory) {
        take(fd.get());
        put(fd.get(), std::span(static_cast<userblk_answer*>(memory), 16));
    });
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), serve_from(store, request)), 0);
    EXPECT_EQ(io->result(), 0);
    expect_life_goes_on();
    expect_removal_ends();
    expect_to_end(child);
}

// The ioctl argument itself cannot be read.
TEST_F(StuckWorker, InTheArgument) {
    for (const unsigned long command : {USERBLK_GET, USERBLK_PUT, USERBLK_SERVE, USERBLK_RESET,
                                        USERBLK_INFO, USERBLK_RESIZE, USERBLK_WAKE}) {
        Child child =
            stuck([=](const Fd& fd, void* memory) { ioctl_error(fd.get(), command, memory); });
        EXPECT_EQ(reset_all(device.control()).error, 0);
        expect_to_end(child);
    }
    expect_life_goes_on();
}

// INFO's list cannot be written.
TEST_F(StuckWorker, InTheListOfInfo) {
    device.read(0, 4096);
    take(device.control());
    Child child = stuck([](const Fd& fd, void* memory) {
        userblk_info argument = info_argument({static_cast<userblk_taken*>(memory), 4});
        ioctl_error(fd.get(), USERBLK_INFO, &argument);
    });
    EXPECT_EQ(info(device.control()).taken, 1u);
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    expect_removal_ends();
    expect_to_end(child);
}

// Calls on the control device hang: others create, list and remove devices meanwhile.
TEST_F(StuckWorker, AtTheControlDevice) {
    for (const unsigned long command : {USERBLK_CREATE, USERBLK_REMOVE, USERBLK_LIST}) {
        Child child = stuck([=](const Fd&, void* memory) { control_error(command, memory); });
        {
            TestDevice other;
            EXPECT_EQ(list_devices().size(), 2u);
        }
        expect_to_end(child);
    }
    // The array of LIST cannot be written.
    Child child = stuck([](const Fd&, void* memory) {
        userblk_list argument{};
        argument.entries = address(memory);
        argument.count = 4;
        argument.entry_size = sizeof(userblk_list_entry);
        control_error(USERBLK_LIST, &argument);
    });
    {
        TestDevice other;
        EXPECT_EQ(list_devices().size(), 2u);
    }
    expect_to_end(child);
}

// One of several workers hangs with a batch: the others keep serving.
TEST_F(StuckWorker, AmongOthersWithAnAnswerInItsHand) {
    std::vector<Io> ios = device.read_many(8);
    Child child = stuck([](const Fd& fd, void* memory) {
        std::vector<userblk_answer> answers;
        for (const userblk_request& request : take_up_to(fd.get(), 3))
            answers.push_back(complete_read(request.id, memory, request.length));
        put(fd.get(), answers);
    });
    Server server(device, store);
    for (std::size_t i = 3; i < ios.size(); i++)
        EXPECT_EQ(ios[i]->result(), 0);
    EXPECT_FALSE(ios[0]->finished());
    expect_to_end(child);
    EXPECT_EQ(reset_dead(device.control()).count, 3u);
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

} // namespace userblk::test
