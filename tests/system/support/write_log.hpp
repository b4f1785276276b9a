// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::test {

// The log of a dm-log-writes device (Documentation/admin-guide/device-mapper/log-writes.rst), read
// after the device is removed. It records the order in which writes became durable, not the order
// in which they were made: a write precedes the first flush that began after its end; one with FUA
// stands where it ended.
class WriteLog {
public:
    struct Entry {
        std::uint64_t offset, length; // on the disk, in bytes
        std::uint64_t flags;
        std::uint64_t data; // its place in the log
        std::string mark;

        bool is_flush() const;
        bool is_durable() const; // with FUA
        bool is_discard() const;
        bool is_mark() const;
        // Whether it changes the disk.
        bool is_change() const { return length && !is_mark(); }
        // A volatile cache may lose it until the next flush.
        bool is_volatile() const { return is_change() && !is_durable(); }
    };

    // Throws std::runtime_error if the log is incomplete.
    explicit WriteLog(const std::string& path);

    const std::vector<Entry>& entries() const { return entries_; }
    // Applies the entry to the image.
    void apply(const Entry& entry, int image) const;

private:
    void read(void* to, std::size_t length, std::uint64_t offset) const;

    Fd fd_;
    std::vector<Entry> entries_;
};

} // namespace userblk::test
