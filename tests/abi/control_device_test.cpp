// SPDX-License-Identifier: MIT
//
// The control device: who may use it, and what it refuses before it looks at a configuration.
#include <cstddef>
#include <cstring>

#include <sys/stat.h>

#include "tests/support/kernel_module.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

class ControlDevice : public KernelTest {};
class Create : public KernelTest {};
class Remove : public KernelTest {};
class List : public KernelTest {};

// Opens the control device with privileges and runs a call on it in a process without any.
int error_without_privileges(unsigned long command, void* argument) {
    const Fd fd = open_file(control_device_path, O_RDWR);
    Child child([&](ChildSide&) {
        drop_privileges();
        return ioctl_error(fd.get(), command, argument);
    });
    return child.wait();
}

// An undefined ioctl, and those of control nodes: ENOTTY.
TEST_F(ControlDevice, UnknownCommandIsRefused) {
    char argument[4096] = {};
    EXPECT_EQ(control_error(_IO(0xB7, 0x7f), argument), ENOTTY);
    EXPECT_EQ(control_error(_IOWR(0xB7, 0x7f, userblk_config), argument), ENOTTY);
    EXPECT_EQ(control_error(USERBLK_GET, argument), ENOTTY);
    EXPECT_EQ(control_error(USERBLK_INFO, argument), ENOTTY);
}

// The right command number with another argument size or direction: ENOTTY.
TEST_F(ControlDevice, WrongArgumentSizeIsRefused) {
    char argument[4096] = {};
    EXPECT_EQ(
        control_error(_IOC(_IOC_READ | _IOC_WRITE, 0xB7, 0, sizeof(userblk_config) - 4), argument),
        ENOTTY);
    EXPECT_EQ(
        control_error(_IOC(_IOC_READ | _IOC_WRITE, 0xB7, 0, sizeof(userblk_config) + 8), argument),
        ENOTTY);
    EXPECT_EQ(control_error(_IOC(_IOC_WRITE, 0xB7, 1, sizeof(userblk_remove) + 4), argument),
              ENOTTY);
    EXPECT_EQ(
        control_error(_IOC(_IOC_READ | _IOC_WRITE, 0xB7, 2, sizeof(userblk_list) + 8), argument),
        ENOTTY);
    EXPECT_EQ(control_error(_IOC(_IOC_READ, 0xB7, 0, sizeof(userblk_config)), argument), ENOTTY);
}

// While a device exists, the module cannot be unloaded.
TEST_F(ControlDevice, ModuleIsNotUnloadedWhileDevicesExist) {
    TestDevice device(test_config(), TestDevice::Begin::not_served);
    EXPECT_NE(unload_module(), "");
    EXPECT_TRUE(module_loaded());
    EXPECT_EQ(info(device.control()).state, USERBLK_STATE_NEW);
}

// It creates and removes devices: only root can open it.
TEST_F(ControlDevice, OnlyRootCanOpenIt) {
    Child child([](ChildSide&) {
        drop_privileges();
        return ::open(control_device_path, O_RDWR) < 0 ? errno : 0;
    });
    EXPECT_EQ(child.wait(), EACCES);
}

// When CREATE returns, both nodes can be opened.
TEST_F(Create, NodesExistWhenItReturns) {
    TestDevice device;
    struct stat block {
    }, control{};
    ASSERT_EQ(stat(device.block_path().c_str(), &block), 0);
    ASSERT_EQ(stat(device.control_path().c_str(), &control), 0);
    EXPECT_TRUE(S_ISBLK(block.st_mode));
    EXPECT_TRUE(S_ISCHR(control.st_mode));
}

TEST_F(Create, WithoutPrivilegeIsRefused) {
    userblk_config config = test_config();
    EXPECT_EQ(error_without_privileges(USERBLK_CREATE, &config), EPERM);
    EXPECT_TRUE(list_devices().empty());
}

TEST_F(Create, BadPointerIsRefused) {
    EXPECT_EQ(control_error(USERBLK_CREATE, reinterpret_cast<void*>(bad_address)), EFAULT);
    EXPECT_EQ(control_error(USERBLK_CREATE, nullptr), EFAULT);
    EdgeMemory memory(4096);
    EXPECT_EQ(control_error(USERBLK_CREATE, memory.before_edge(sizeof(userblk_config) - 1)),
              EFAULT);
    EXPECT_TRUE(list_devices().empty());
}

// The configuration is readable but not writable, so that CREATE cannot write back. The caller
// would not know what it got, so no device may exist.
TEST_F(Create, ReadOnlyArgumentLeavesNoDevice) {
    EdgeMemory memory(4096);
    const userblk_config config = test_config();
    std::memcpy(memory.before_edge(4096), &config, sizeof(config));
    memory.make_read_only();
    EXPECT_EQ(control_error(USERBLK_CREATE, memory.before_edge(4096)), EFAULT);
    EXPECT_TRUE(list_devices().empty());
}

// The write-back of CREATE fails only after a while. Meanwhile the device is removed and its number
// given to another one, which must stay.
TEST_F(Create, LateFailureLeavesAnotherDeviceAlone) {
    GuardedPage page;
    // The number is writable, the name is not.
    std::uint8_t* const at = page.data() - offsetof(userblk_config, name);
    const userblk_config config = test_config();
    std::memcpy(at, &config, sizeof(config));
    page.guard();
    const Io created = start_thread([at] { return control_error(USERBLK_CREATE, at); });
    ASSERT_TRUE(page.touched());
    const auto devices = list_devices();
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(remove_device(devices[0].number, USERBLK_REMOVE_FORCE), 0); // udev may look at it
    userblk_config other = test_config(2 * default_size);
    other.number = devices[0].number;
    TestDevice device(other);
    page.refuse();
    EXPECT_EQ(created->result(), EFAULT);
    const auto left = list_devices();
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].size, 2 * default_size);
    EXPECT_EQ(info(device.control()).config.number, other.number);
}

TEST_F(Create, TakenNumberIsRefused) {
    TestDevice device;
    userblk_config config = test_config();
    config.number = device.number();
    EXPECT_EQ(create(config), EEXIST);
    EXPECT_EQ(list_devices().size(), 1u);
}

TEST_F(Create, TakenNameIsRefused) {
    userblk_config config = test_config();
    set_name(config, "one-name");
    TestDevice device(config);
    config.number = USERBLK_ANY_NUMBER;
    EXPECT_EQ(create(config), EEXIST);
    EXPECT_EQ(list_devices().size(), 1u);
}

// A name is free again once its device is removed.
TEST_F(Create, NameOfARemovedDeviceIsFree) {
    userblk_config config = test_config();
    set_name(config, "again");
    { TestDevice device(config); }
    TestDevice device(config);
    EXPECT_STREQ(device.config().name, "again");
}

// USERBLK_ANY_NUMBER gives the lowest free number, even one in a gap.
TEST_F(Create, LowestFreeNumberIsGivenOut) {
    TestDevice first, second, third;
    EXPECT_EQ(first.number(), 0u);
    EXPECT_EQ(second.number(), 1u);
    ASSERT_EQ(second.remove(), 0);
    TestDevice fourth;
    EXPECT_EQ(fourth.number(), 1u);
}

// A requested number is given, up to the highest.
TEST_F(Create, NumberCanBeChosen) {
    userblk_config config = test_config();
    config.number = USERBLK_MAX_DEVICES - 1;
    TestDevice device(config);
    EXPECT_EQ(device.number(), USERBLK_MAX_DEVICES - 1);
    EXPECT_EQ(device.control_path(), "/dev/userblkc4095");
}

// Several devices at once, each with its own requests.
TEST_F(Create, ManyDevicesAtOnce) {
    std::vector<std::unique_ptr<TestDevice>> devices;
    for (unsigned int i = 0; i < 12; i++)
        devices.push_back(std::make_unique<TestDevice>(test_config(default_size + i * 4096)));
    EXPECT_EQ(list_devices().size(), devices.size());
    for (auto& device : devices) {
        const Io io = device->read(8192, 4096);
        const userblk_request request = take(device->control());
        const Buffer data = pattern(4096, device->number());
        EXPECT_EQ(put(device->control(), complete_read(request.id, data.data(), 4096)), 0);
        EXPECT_EQ(io->result(), 0);
        EXPECT_EQ(io->data(), data);
    }
}

TEST_F(Remove, WithoutPrivilegeIsRefused) {
    TestDevice device;
    userblk_remove argument{device.number(), USERBLK_REMOVE_FORCE, 0};
    EXPECT_EQ(error_without_privileges(USERBLK_REMOVE, &argument), EPERM);
    EXPECT_EQ(list_devices().size(), 1u);
}

TEST_F(Remove, UnknownDeviceIsRefused) {
    EXPECT_EQ(remove_device(7, 0), ENODEV);
    EXPECT_EQ(remove_device(USERBLK_MAX_DEVICES, 0), ENODEV);
    EXPECT_EQ(remove_device(USERBLK_ANY_NUMBER, USERBLK_REMOVE_FORCE), ENODEV);
}

// INFO reports which device a number means now, as sysfs does; REMOVE with another diskseq leaves
// it alone.
TEST_F(Remove, MeansTheDeviceWithThatDiskseq) {
    std::uint64_t gone = 0;
    {
        TestDevice first;
        gone = info(first.control()).diskseq;
        EXPECT_EQ(std::to_string(gone), first.sysfs("diskseq"));
        EXPECT_TRUE(info(first.control()).features & USERBLK_FEATURE_DISKSEQ);
    }
    TestDevice device;
    ASSERT_EQ(device.number(), 0u);
    const std::uint64_t diskseq = info(device.control()).diskseq;
    EXPECT_NE(diskseq, gone);
    userblk_remove argument{0, USERBLK_REMOVE_FORCE, gone};
    EXPECT_EQ(control_error(USERBLK_REMOVE, &argument), ENODEV);
    argument.diskseq = diskseq + 1;
    EXPECT_EQ(control_error(USERBLK_REMOVE, &argument), ENODEV);
    EXPECT_EQ(list_devices().size(), 1u);
    argument.diskseq = diskseq;
    EXPECT_EQ(control_error(USERBLK_REMOVE, &argument), 0);
    EXPECT_TRUE(list_devices().empty());
    device.forget();
}

// An old program knows neither the longer argument nor its command: REMOVE ignores what follows the
// old argument.
TEST_F(Remove, OldProgramsRemoveByNumber) {
    TestDevice device;
    userblk_remove argument{device.number(), 0, info(device.control()).diskseq + 1};
    EXPECT_EQ(control_error(USERBLK_REMOVE_1, &argument), 0);
    device.forget();
    EXPECT_EQ(control_error(USERBLK_REMOVE_1, &argument), ENODEV);
    EXPECT_TRUE(list_devices().empty());
}

TEST_F(Remove, UnknownFlagIsRefused) {
    TestDevice device;
    EXPECT_EQ(remove_device(device.number(), 2), EINVAL);
    EXPECT_EQ(remove_device(device.number(), 0x80000001u), EINVAL);
    EXPECT_EQ(list_devices().size(), 1u);
}

TEST_F(Remove, BadPointerIsRefused) {
    EXPECT_EQ(control_error(USERBLK_REMOVE, reinterpret_cast<void*>(bad_address)), EFAULT);
}

TEST_F(List, WithoutPrivilegeIsRefused) {
    userblk_list argument{};
    argument.entry_size = sizeof(userblk_list_entry);
    EXPECT_EQ(error_without_privileges(USERBLK_LIST, &argument), EPERM);
}

// LIST reports size, flags, number and name of each device, by number.
TEST_F(List, ReportsEveryDevice) {
    userblk_config named = test_config(1 << 20);
    named.number = 9;
    named.flags |= USERBLK_F_ROTATIONAL;
    set_name(named, "nine");
    TestDevice nine(named), zero;
    const std::vector<userblk_list_entry> entries = list_devices();
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].number, 0u);
    EXPECT_STREQ(entries[0].name, "");
    EXPECT_EQ(entries[0].size, default_size);
    EXPECT_EQ(entries[1].number, 9u);
    EXPECT_STREQ(entries[1].name, "nine");
    EXPECT_EQ(entries[1].size, 1u << 20);
    EXPECT_EQ(entries[1].flags,
              USERBLK_F_ROTATIONAL | USERBLK_F_NO_PARTITIONS | USERBLK_F_REDIRECT);
    EXPECT_EQ(entries[1].store_class, USERBLK_STORE_PROCESS);
}

// An array that is too small is filled; `total` says that there is more, and `first` where to
// continue.
TEST_F(List, GoesOnWhereAnArrayWasTooSmall) {
    TestDevice zero, one, two;
    userblk_list_entry entry{};
    userblk_list argument{};
    argument.entries = address(&entry);
    argument.count = 1;
    argument.entry_size = sizeof(entry);
    ASSERT_EQ(control_error(USERBLK_LIST, &argument), 0);
    EXPECT_EQ(argument.count, 1u);
    EXPECT_EQ(argument.total, 3u);
    EXPECT_EQ(entry.number, 0u);
    argument.first = 2;
    ASSERT_EQ(control_error(USERBLK_LIST, &argument), 0);
    EXPECT_EQ(argument.count, 1u);
    EXPECT_EQ(entry.number, 2u);
    argument.first = 3;
    ASSERT_EQ(control_error(USERBLK_LIST, &argument), 0);
    EXPECT_EQ(argument.count, 0u);
}

// Without an array LIST returns the number of devices.
TEST_F(List, CountsWithoutAnArray) {
    TestDevice device;
    userblk_list argument{};
    argument.entry_size = sizeof(userblk_list_entry);
    ASSERT_EQ(control_error(USERBLK_LIST, &argument), 0);
    EXPECT_EQ(argument.count, 0u);
    EXPECT_EQ(argument.total, 1u);
}

TEST_F(List, WrongEntrySizeIsRefused) {
    userblk_list argument{};
    for (const std::uint32_t size : {0u, 8u, std::uint32_t{sizeof(userblk_list_entry)} + 8}) {
        argument.entry_size = size;
        EXPECT_EQ(control_error(USERBLK_LIST, &argument), ENOTTY) << size;
    }
}

TEST_F(List, BadPointersAreRefused) {
    TestDevice device;
    userblk_list argument{};
    argument.entries = bad_address;
    argument.count = 1;
    argument.entry_size = sizeof(userblk_list_entry);
    EXPECT_EQ(control_error(USERBLK_LIST, &argument), EFAULT);
    argument.entries = 0;
    argument.count = 1;
    EXPECT_EQ(control_error(USERBLK_LIST, &argument), EFAULT);
    EXPECT_EQ(control_error(USERBLK_LIST, reinterpret_cast<void*>(bad_address)), EFAULT);
}

} // namespace userblk::test
