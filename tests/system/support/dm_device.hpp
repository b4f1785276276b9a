// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/files.hpp"

namespace userblk::test {

// A device-mapper device over a loop device over memory. While it is suspended it answers no I/O,
// and processes that wait for it cannot be killed.
class DmDevice {
public:
    DmDevice(std::string name, std::uint64_t size);
    DmDevice(const DmDevice&) = delete;
    DmDevice& operator=(const DmDevice&) = delete;
    ~DmDevice(); // resumed before it goes

    std::string path() const { return "/dev/mapper/" + name_; }
    void suspend();
    void resume();

private:
    LoopDevice loop_;
    std::string name_;
    bool suspended_ = false;
};

} // namespace userblk::test
