// SPDX-License-Identifier: MIT
#include "test_device.hpp"

#include <cstring>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace userblk::test {

TestDevice::TestDevice(const userblk_config& config)
    : TestDevice(config,
                 config.flags & USERBLK_F_NO_PARTITIONS ? Begin::served : Begin::not_served) {}

TestDevice::TestDevice(const userblk_config& config, Begin begin) : config_(config) {
    if (const int error = create(config_))
        throw std::system_error(error, std::generic_category(), "CREATE");
    try {
        control_ = open_control();
        if (begin == Begin::served)
            announce_service(control_.get());
    } catch (...) {
        remove();
        throw;
    }
}

TestDevice::~TestDevice() {
    if (!removed_) {
        EXPECT_EQ(remove(), 0);
    }
    for (const Io& io : started_)
        io->result();
}

std::string TestDevice::name() const {
    return "userblk" + std::to_string(number());
}

std::string TestDevice::block_path() const {
    return "/dev/" + name();
}

std::string TestDevice::control_path() const {
    return "/dev/userblkc" + std::to_string(number());
}

std::string TestDevice::sysfs(const std::string& file) const {
    std::ifstream in("/sys/block/" + name() + "/" + file);
    EXPECT_TRUE(in.is_open()) << "no " << file << " in sysfs";
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.ends_with('\n'))
        text.pop_back();
    return text;
}

unsigned int TestDevice::processor_of_queue(unsigned int queue) const {
    // A list such as "0, 2", or "0-3".
    return static_cast<unsigned int>(std::stoul(sysfs("mq/" + std::to_string(queue) + "/cpu_list")));
}

Fd TestDevice::open_control() const {
    return open_file(control_path(), O_RDWR);
}

int TestDevice::block() {
    if (!block_.open()) {
        const bool read_only = config_.flags & USERBLK_F_READ_ONLY;
        block_ = open_file(block_path(), O_DIRECT | (read_only ? O_RDONLY : O_RDWR));
    }
    return block_.get();
}

Io TestDevice::submit(int command, std::uint64_t offset, Buffer data, int rw_flags) {
    Io io = Aio::prepare(block(), command, offset, std::move(data), rw_flags);
    aio_.submit({&io, 1});
    remember(io);
    return io;
}

void TestDevice::remember(const Io& io) {
    if (started_.size() >= most_started_) {
        std::erase_if(started_, [](const Io& one) { return one->finished(); });
        most_started_ = 2 * started_.size() + 16;
    }
    started_.push_back(io);
}

Io TestDevice::read(std::uint64_t offset, std::size_t length) {
    Buffer buffer(length);
    buffer.fill(0xee);
    return submit(IOCB_CMD_PREAD, offset, std::move(buffer));
}

Io TestDevice::write(std::uint64_t offset, Buffer data, int rw_flags) {
    return submit(IOCB_CMD_PWRITE, offset, std::move(data), rw_flags);
}

std::vector<Io> TestDevice::read_many(std::size_t n) {
    std::vector<Io> ios;
    for (std::uint64_t i = 0; i < n; i++)
        ios.push_back(read(i << 16, 4096));
    return ios;
}

std::vector<Io> TestDevice::read_burst(std::size_t n) {
    std::vector<Io> ios;
    for (std::uint64_t i = 0; i < n; i++)
        ios.push_back(Aio::prepare(block(), IOCB_CMD_PREAD, i << 16, Buffer(4096)));
    aio_.submit(ios);
    for (const Io& io : ios)
        remember(io);
    return ios;
}

Io TestDevice::flush() {
    const int fd = block();
    return start([fd] { return fsync(fd) ? errno : 0; });
}

Io TestDevice::start(std::function<int()> operation) {
    Io io = start_thread(std::move(operation));
    remember(io);
    return io;
}

int TestDevice::remove() {
    removed_ = true;
    return remove_device(number(), USERBLK_REMOVE_FORCE);
}

} // namespace userblk::test
