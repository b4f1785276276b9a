// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/files.hpp"

namespace userblk::test {

// A disk in memory with a volatile cache, behind dm-log-writes: whatever is written, flushed and
// discarded there is in a log, to be cut anywhere later.
class LoggedDisk {
public:
    explicit LoggedDisk(std::uint64_t size);
    LoggedDisk(const LoggedDisk&) = delete;
    LoggedDisk& operator=(const LoggedDisk&) = delete;
    ~LoggedDisk();

    const std::string& path() const { return path_; }
    // A line in the log, behind everything that is durable by now.
    void mark(const std::string& text) const;
    // Ends the logging, when nobody uses the disk any more; the log's path, which is there as long
    // as this object is.
    std::string close();

private:
    std::string name_ = "userblk-logged";
    std::string path_;
    LoopDevice disk_, log_;
    bool open_ = false;
};

} // namespace userblk::test
