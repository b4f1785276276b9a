// SPDX-License-Identifier: MIT
//
// A device that nobody has served yet blocks nobody: it has no size, and I/O to it fails at once.
// The first call that asks for requests gives it its size.
#include <linux/fs.h>
#include <sys/epoll.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"
#include "tests/support/uevents.hpp"

namespace userblk::test {

namespace {

std::uint64_t size_of(int block) {
    std::uint64_t size = 0;
    EXPECT_EQ(ioctl_error(block, BLKGETSIZE64, &size), 0);
    return size;
}

int discard(int block) {
    std::uint64_t range[] = {0, 4096};
    return ioctl_error(block, BLKDISCARD, range);
}

userblk_config with_all_operations() {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    return config;
}

} // namespace

class Unserved : public KernelTest {
protected:
    TestDevice device{with_all_operations(), TestDevice::Begin::not_served};

    void expect_to_be_empty() {
        EXPECT_EQ(size_of(device.block()), 0u);
        EXPECT_EQ(device.sysfs("size"), "0");
        EXPECT_EQ(info(device.control()).state, USERBLK_STATE_NEW);
    }
    void expect_to_have_its_size(std::uint64_t size = default_size) {
        EXPECT_EQ(size_of(device.block()), size);
        EXPECT_EQ(device.sysfs("size"), std::to_string(size / 512));
        EXPECT_EQ(info(device.control()).state, USERBLK_STATE_SERVED);
    }
};

// Programs that look at all disks find one without a medium; its operator sees the configured size.
TEST_F(Unserved, IsEmptyAndReportsItsConfiguredSize) {
    expect_to_be_empty();
    EXPECT_TRUE(info(device.control()).features & USERBLK_FEATURE_EMPTY_UNTIL_SERVED);
    EXPECT_EQ(info(device.control()).config.size, default_size);
    EXPECT_EQ(list_devices().at(0).size, default_size);
    EXPECT_EQ(device.sysfs("userblk/size"), std::to_string(default_size));
}

// Nothing waits and nothing is queued: reads return end of file, all else an error. A separate
// process makes the calls, so that the test would notice if it blocked.
TEST_F(Unserved, IoEndsAtOnce) {
    const int block = device.block();
    Child user([block](ChildSide&) {
        Buffer buffer(4096);
        if (pread(block, buffer.data(), 4096, 0) != 0)
            return 1;
        if (pwrite(block, buffer.data(), 4096, 0) >= 0)
            return 2;
        if (!discard(block))
            return 3;
        return fsync(block) ? 0 : 4;
    });
    EXPECT_EQ(user.wait(), 0);
    const userblk_info state = info(device.control());
    EXPECT_EQ(state.queued, 0u);
    EXPECT_EQ(state.gets, 0u);
    EXPECT_EQ(state.state, USERBLK_STATE_NEW);
}

// The first GET gives the device its size, even if nothing is queued and it does not wait;
// descriptors opened before see it.
TEST_F(Unserved, TheFirstGetGivesItItsSize) {
    expect_to_be_empty();
    userblk_request request = record();
    EXPECT_EQ(get(device.control(), {&request, 1}).error, 0);
    expect_to_have_its_size();
    const Io io = device.read(default_size - 4096, 4096);
    EXPECT_EQ(put(device.control(), complete(take(device.control()).id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
}

// The same for SERVE.
TEST_F(Unserved, TheFirstServeGivesItItsSize) {
    userblk_request request = record();
    userblk_serve argument = serve_argument({}, {&request, 1});
    EXPECT_EQ(serve(device.control(), argument), 0);
    expect_to_have_its_size();
}

// A GET that is refused has no effect.
TEST_F(Unserved, ARefusedGetLeavesItEmpty) {
    userblk_request request = record();
    userblk_get argument = get_argument({&request, 1});
    argument.request_size--;
    EXPECT_EQ(ioctl_error(device.control(), USERBLK_GET, &argument), ENOTTY);
    expect_to_be_empty();
}

// A worker that polls before its first GET would otherwise wait for a request that cannot come.
TEST_F(Unserved, PollingForRequestsGivesItItsSize) {
    EXPECT_EQ(poll_events(device.control(), POLLIN), 0);
    expect_to_have_its_size();
}

// The same for epoll.
TEST_F(Unserved, AddingItToAnEpollGivesItItsSize) {
    const Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event event{EPOLLIN | EPOLLPRI, {}};
    ASSERT_EQ(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, device.control(), &event), 0);
    expect_to_have_its_size();
}

// A supervisor polls for deaths, a watcher for removal, and a read-only descriptor serves nobody.
TEST_F(Unserved, PollingForOtherEventsLeavesItEmpty) {
    EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    EXPECT_EQ(poll_events(device.control(), 0), 0);
    const Fd looker = open_file(device.control_path(), O_RDONLY);
    EXPECT_EQ(poll_events(looker.get(), POLLIN), 0);
    EXPECT_EQ(reset_all(device.control()).count, 0u);
    expect_to_be_empty();
}

// A new size is recorded without an event, and applies from the first GET on.
TEST_F(Unserved, AResizeCountsFromTheFirstGetOn) {
    Uevents events, resizes;
    EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
    expect_to_be_empty();
    EXPECT_EQ(info(device.control()).config.size, 2 * default_size);
    announce_service(device.control());
    expect_to_have_its_size(2 * default_size);
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=served"));
    EXPECT_EQ(resizes.count(device.name(), "change", "RESIZE=1"), 0u);
}

// When udev gets the event, the device has its size. The event comes once.
TEST_F(Unserved, UdevIsNotifiedOfTheFirstGet) {
    Uevents events;
    announce_service(device.control());
    EXPECT_TRUE(events.await(device.name(), "change", "USERBLK_EVENT=served"));
    expect_to_have_its_size();
    Uevents later, served;
    announce_service(device.control());
    EXPECT_EQ(resize(device.control(), 2 * default_size), 0);
    EXPECT_TRUE(later.await(device.name(), "change", "RESIZE=1"));
    EXPECT_EQ(served.count(device.name(), "change", "USERBLK_EVENT=served"), 0u);
}

// The first GET runs while another thread resizes: the device has the last size.
TEST_F(Unserved, TheFirstGetAndAResizeAtOnce) {
    const Fd control = device.open_control();
    const Io resized = device.start([&] {
        for (std::uint64_t size = 1; size <= 64; size++)
            if (const int error = resize(control.get(), size << 20))
                return error;
        return 0;
    });
    announce_service(device.control());
    EXPECT_EQ(resized->result(), 0);
    expect_to_have_its_size(64 << 20);
}

// A device that was never served is removed like any other.
TEST_F(Unserved, IsRemovedWithoutForce) {
    EXPECT_EQ(remove_device(device.number(), 0), 0);
    device.forget();
}

} // namespace userblk::test
