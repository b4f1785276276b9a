// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/device_pair.hpp"

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <sys/ioctl.h>

#include "tests/support/abi.hpp"
#include "tests/support/eventually.hpp"

namespace userblk::fuzz {

namespace {

userblk_config config_of(std::size_t device, unsigned int owner) {
    userblk_config config = test::test_config();
    config.uid = owner;
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    if (device == 0) {
        config.flags |= USERBLK_F_REDIRECT;
        config.queues = 2;
        config.depth = 32;
        config.max_transfer = 128 << 10;
    } else {
        config.flags |= USERBLK_F_NO_REDIRECT;
        config.logical_block_size = 4096;
        config.depth = 4;
        config.max_transfer = 16 << 10;
        config.chunk_size = 16 << 10;
        config.delivery_limit = 3;
    }
    return config;
}

int module_users() {
    int users = -1;
    std::ifstream("/sys/module/userblk/refcnt") >> users;
    return users;
}

} // namespace

std::string make_devices(Channel& to, unsigned int owner) {
    std::vector<test::Fd> fds;
    fds.push_back(test::open_file(test::control_device_path, O_RDWR));
    std::string numbers;
    for (std::size_t i = 0; i < 2; i++) {
        userblk_config config = config_of(i, owner);
        if (const int error = test::create(config))
            return std::string("unable to create a device: ") + std::strerror(error);
        const std::string number = std::to_string(config.number);
        numbers += number + " " + std::to_string(config.size) + " ";
        fds.push_back(test::open_file("/dev/userblkc" + number, O_RDWR));
        fds.push_back(test::open_file("/dev/userblkc" + number, O_RDONLY));
        fds.push_back(test::open_file("/dev/userblk" + number, O_RDWR | O_DIRECT));
        fds.push_back(test::open_file("/dev/userblk" + number, O_RDWR));
        // Last: during the partition scan the device cannot be opened.
        test::announce_service(fds[fds.size() - 4].get());
    }
    std::vector<int> raw;
    for (const test::Fd& fd : fds)
        raw.push_back(fd.get());
    to.send('n', numbers, raw);
    return {};
}

std::string remove_devices() {
    std::vector<userblk_list_entry> all = test::list_devices();
    // A device never redirects to one that was created after it.
    for (auto device = all.rbegin(); device != all.rend(); ++device)
        if (const int error = test::remove_device(device->number, USERBLK_REMOVE_FORCE))
            return std::string("unable to remove a device: ") + std::strerror(error);
    all = test::list_devices();
    return all.empty() ? "" : "a device is listed after its removal";
}

std::string check_module_unused() {
    if (test::eventually([] { return module_users() == 0; }))
        return {};
    return "all devices are removed and all files closed, but the module is in use " +
           std::to_string(module_users()) + " times";
}

DevicePair receive_devices(Channel& channel) {
    Message message = channel.receive();
    DevicePair pair;
    if (message.what != 'n' || message.fds.size() != 9)
        throw std::runtime_error("the manager is gone");
    pair.control = std::move(message.fds[0]);
    const char* text = message.text.c_str();
    for (std::size_t i = 0; i < 2; i++) {
        DevicePair::Device& device = pair.devices[i];
        char* end;
        device.number = static_cast<std::uint32_t>(std::strtoul(text, &end, 10));
        device.size = std::strtoull(end, &end, 10);
        text = end;
        device.node = std::move(message.fds[1 + 4 * i]);
        device.read_only_node = std::move(message.fds[2 + 4 * i]);
        device.disk = std::move(message.fds[3 + 4 * i]);
        device.cached_disk = std::move(message.fds[4 + 4 * i]);
    }
    return pair;
}

} // namespace userblk::fuzz
