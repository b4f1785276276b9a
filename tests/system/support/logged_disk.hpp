// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/files.hpp"

namespace userblk::test {

// A disk in memory with a volatile cache, behind dm-log-writes: every write, flush and discard is
// in a log, which can be cut anywhere later.
class LoggedDisk {
public:
    explicit LoggedDisk(std::uint64_t size);
    LoggedDisk(const LoggedDisk&) = delete;
    LoggedDisk& operator=(const LoggedDisk&) = delete;
    ~LoggedDisk();

    const std::string& path() const { return path_; }
    // A line in the log, behind everything that is durable by now.
    void mark(const std::string& text) const;
    // Ends the logging, once nobody uses the disk; returns the log's path, which exists as long as
    // this object.
    std::string close();

private:
    std::string name_ = "userblk-logged";
    std::string path_;
    LoopDevice disk_, log_;
    bool open_ = false;
};

} // namespace userblk::test
