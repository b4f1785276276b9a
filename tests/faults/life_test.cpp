// SPDX-License-Identifier: MIT
//
// Creation, removal and the ioctls of a device, with each of their allocations and copies failing
// in turn: the caller gets the error, and afterwards everything is either as before or as
// requested.
#include <filesystem>

#include <unistd.h>

#include "faults_test.hpp"

namespace userblk::test {

using Life = FaultTest;

namespace {

userblk_config rich_config() {
    userblk_config config = test_config();
    config.flags |= USERBLK_F_REDIRECT | USERBLK_F_CACHE | USERBLK_F_DISCARD;
    config.queues = 2;
    config.depth = 32;
    set_name(config, "faulty");
    return config;
}

} // namespace

// Either there is a working device, or nothing is left of it.
TEST_F(Life, Creation) {
    const Fd control = open_file(control_device_path, O_RDWR);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      userblk_config config = rich_config();
                      const int error = point.run(
                          [&] { return ioctl_error(control.get(), USERBLK_CREATE, &config); });
                      if (error) {
                          EXPECT_TRUE(list_devices().empty());
                          EXPECT_FALSE(std::filesystem::exists("/sys/block/userblk0"));
                          EXPECT_FALSE(std::filesystem::exists("/dev/userblkc0"));
                      } else {
                          EXPECT_EQ(config.number, 0u)
                              << "the number of a failed one is not free again";
                          EXPECT_TRUE(std::filesystem::exists("/dev/userblkc0"));
                          EXPECT_EQ(remove_device(config.number, 0), 0);
                      }
                      return error;
                  }),
                  50);
}

// Either the device is removed, or it still works and is removed at the next try.
TEST_F(Life, Removal) {
    const Fd control = open_file(control_device_path, O_RDWR);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      TestDevice device(rich_config());
                      const Io io = device.read(0, 4096);
                      userblk_remove argument = {device.number(), USERBLK_REMOVE_FORCE, 0};
                      const int error = point.run(
                          [&] { return ioctl_error(control.get(), USERBLK_REMOVE, &argument); });
                      expect_told(error);
                      if (error) {
                          EXPECT_EQ(list_devices().size(), 1u);
                          EXPECT_EQ(put(device.control(), complete(take(device.control()).id)), 0);
                          EXPECT_EQ(device.remove(), 0);
                      }
                      EXPECT_TRUE(list_devices().empty());
                      device.forget();
                      EXPECT_EQ(io->result(), EIO);
                      return error;
                  }),
                  1);
}

// An open that fails leaves no descriptor, so that the device can be removed.
TEST_F(Life, OpeningTheNode) {
    TestDevice device;
    const std::string path = device.control_path();
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      int fd = -1;
                      const int error = point.run([&] {
                          fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
                          return fd < 0 ? errno : 0;
                      });
                      if (fd >= 0)
                          close(fd);
                      return error;
                  }),
                  2);
}

// The call itself only copies its argument: a work item sends the event, which needs memory.
TEST_F(Life, Resizing) {
    TestDevice device;
    std::uint64_t size = default_size;
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      userblk_resize argument{};
                      argument.size = size + (1 << 20);
                      const int error = point.run(
                          [&] { return ioctl_error(device.control(), USERBLK_RESIZE, &argument); });
                      expect_told(error);
                      if (!error)
                          size = argument.size;
                      EXPECT_EQ(info(device.control()).config.size, size);
                      EXPECT_EQ(device.sysfs("size"), std::to_string(size >> 9));
                      return error;
                  }),
                  1);
}

TEST_F(Life, Info) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    const userblk_request request = take(device.control());
    userblk_taken list[4] = {};
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      userblk_info argument = info_argument(list);
                      const int error = point.run(
                          [&] { return ioctl_error(device.control(), USERBLK_INFO, &argument); });
                      expect_told(error);
                      if (!error) {
                          EXPECT_EQ(argument.taken_count, 1u);
                          EXPECT_EQ(list[0].id, request.id);
                      }
                      return error;
                  }),
                  4);
    device.remove();
}

TEST_F(Life, List) {
    TestDevice device;
    const Fd control = open_file(control_device_path, O_RDWR);
    userblk_list_entry entry{};
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      userblk_list argument{};
                      argument.entries = address(&entry);
                      argument.count = 1;
                      argument.entry_size = sizeof(entry);
                      const int error = point.run(
                          [&] { return ioctl_error(control.get(), USERBLK_LIST, &argument); });
                      expect_told(error);
                      if (!error) {
                          EXPECT_EQ(entry.number, device.number());
                      }
                      return error;
                  }),
                  3);
}

// A RESET whose argument cannot be read does nothing.
TEST_F(Life, Reset) {
    TestDevice device;
    const Io io = device.read(0, 4096);
    expect_faults(fail_each_step([&](FaultPoint& point) {
                      take(device.control());
                      userblk_reset argument{};
                      argument.which = USERBLK_RESET_ALL;
                      const int error = point.run(
                          [&] { return ioctl_error(device.control(), USERBLK_RESET, &argument); });
                      expect_told(error);
                      EXPECT_EQ(info(device.control()).taken, error ? 1u : 0u);
                      EXPECT_EQ(reset_all(device.control()).count, error ? 1u : 0u);
                      return error;
                  }),
                  1);
    device.remove();
}

} // namespace userblk::test
