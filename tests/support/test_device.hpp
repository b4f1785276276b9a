// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "abi.hpp"
#include "buffer.hpp"
#include "fd.hpp"
#include "pending_io.hpp"

namespace userblk::test {

// A device for one test: made by the raw ioctl, removed by force whatever happens. I/O is started
// from here, so that the removal can come before the wait for its end. For use by one thread.
class TestDevice {
public:
    // Most tests are about a device that has its size, as if somebody had begun to serve it. What
    // is done on one that is not served yet fails.
    enum class Begin { served, not_served };

    // Throws std::system_error. Served, unless its partition table is to be read: that waits for a
    // worker, and everybody who opens the device for that.
    explicit TestDevice(const userblk_config& config = test_config());
    TestDevice(const userblk_config& config, Begin begin);
    TestDevice(const TestDevice&) = delete;
    TestDevice& operator=(const TestDevice&) = delete;
    ~TestDevice();

    // As written back by CREATE.
    const userblk_config& config() const { return config_; }
    std::uint32_t number() const { return config_.number; }
    std::string name() const; // userblkN
    std::string block_path() const;
    std::string control_path() const;
    // A file below /sys/block/userblkN without its newline; "" and a failure if it is not there.
    std::string sysfs(const std::string& file) const;

    // The control node, opened at creation and closed with the object.
    int control() const { return control_.get(); }
    Fd open_control() const;
    // The block device, opened for O_DIRECT at first use.
    int block();
    void close_block() { block_.reset(); }

    // Of O_DIRECT, queued when they return, in this order. A read's buffer is filled with 0xee.
    Io read(std::uint64_t offset, std::size_t length);
    Io write(std::uint64_t offset, Buffer data, int rw_flags = 0);
    // Reads of 4 KiB each, 64 KiB apart so that none is merged: one after the other …
    std::vector<Io> read_many(std::size_t n);
    // … or by one system call; the kernel may then queue them in another order.
    std::vector<Io> read_burst(std::size_t n);
    Io flush();
    // Any other operation, in a thread; it returns 0 or an errno.
    Io start(std::function<int()> operation);

    // By force; the error.
    int remove();
    // The test removed it otherwise.
    void forget() { removed_ = true; }

private:
    Io submit(int command, std::uint64_t offset, Buffer data, int rw_flags = 0);
    void remember(const Io& io);

    userblk_config config_;
    bool removed_ = false;
    Fd control_;
    Fd block_;
    Aio aio_{1024};
    std::vector<Io> started_; // with their data
    std::size_t most_started_ = 16;
};

} // namespace userblk::test
