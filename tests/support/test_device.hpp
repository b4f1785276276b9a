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

// A device for one test: created by the raw ioctl, force-removed in any case. I/O starts from here,
// so that the removal can precede the wait for its end. Use it from one thread.
class TestDevice {
public:
    // Most tests need a device that has its size, as if a worker had begun to serve it. I/O to a
    // device that is not served yet fails.
    enum class Begin { served, not_served };

    // Throws std::system_error. Served by default, unless the config asks for a partition scan: the
    // scan, and everyone who opens the device meanwhile, waits for a worker.
    explicit TestDevice(const userblk_config& config = test_config());
    TestDevice(const userblk_config& config, Begin begin);
    TestDevice(const TestDevice&) = delete;
    TestDevice& operator=(const TestDevice&) = delete;
    ~TestDevice();

    // As CREATE wrote it back.
    const userblk_config& config() const { return config_; }
    std::uint32_t number() const { return config_.number; }
    std::string name() const; // userblkN
    std::string block_path() const;
    std::string control_path() const;
    // A file below /sys/block/userblkN, without its newline; returns "" and fails the test if it
    // does not exist.
    std::string sysfs(const std::string& file) const;
    // A processor that submits to hardware queue N; the mapping differs between kernels.
    unsigned int processor_of_queue(unsigned int queue) const;

    // The control node, open from creation until destruction.
    int control() const { return control_.get(); }
    Fd open_control() const;
    // The block device, opened with O_DIRECT on first use.
    int block();
    void close_block() { block_.reset(); }

    // With O_DIRECT; queued in this order when they return. A read's buffer is filled with 0xee
    // first.
    Io read(std::uint64_t offset, std::size_t length);
    Io write(std::uint64_t offset, Buffer data, int rw_flags = 0);
    // Reads of 4 KiB, 64 KiB apart so that none is merged: one after another …
    std::vector<Io> read_many(std::size_t n);
    // … or in one system call; the kernel may then queue them in another order.
    std::vector<Io> read_burst(std::size_t n);
    Io flush();
    // Runs any other operation in a thread; it returns 0 or an errno.
    Io start(std::function<int()> operation);

    // Force-removes the device; returns the error.
    int remove();
    // The test has removed it in another way.
    void forget() { removed_ = true; }

private:
    Io submit(int command, std::uint64_t offset, Buffer data, int rw_flags = 0);
    void remember(const Io& io);

    userblk_config config_;
    bool removed_ = false;
    Fd control_;
    Fd block_;
    Aio aio_{1024};
    std::vector<Io> started_; // owns their data
    std::size_t most_started_ = 16;
};

} // namespace userblk::test
