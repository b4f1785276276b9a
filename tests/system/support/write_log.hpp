// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::test {

// The log of a dm-log-writes device (Documentation/admin-guide/device-mapper/log-writes.rst), read
// when the device is gone. It tells in which order writes became durable, not in which order they
// were made: a write stands before the first flush that began after its end, one with FUA where it
// ended.
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
        // A volatile cache may have lost it until the next flush.
        bool is_volatile() const { return is_change() && !is_durable(); }
    };

    // Throws std::runtime_error if there is no whole log.
    explicit WriteLog(const std::string& path);

    const std::vector<Entry>& entries() const { return entries_; }
    // Does to the image what the entry did to the disk.
    void apply(const Entry& entry, int image) const;

private:
    void read(void* to, std::size_t length, std::uint64_t offset) const;

    Fd fd_;
    std::vector<Entry> entries_;
};

} // namespace userblk::test
