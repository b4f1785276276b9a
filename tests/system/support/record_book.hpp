// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tests/system/support/record.hpp"

namespace userblk::test {

// What a writer knows of each block of its part of a device: which record was acknowledged there,
// the oldest that may be there (that one, or what was seen since) and the newest that was sent.
// Empty strings from what checks say that all is well. Any thread.
class RecordBook {
public:
    // Of one block, as it was when a read was sent.
    struct Expectation {
        std::uint64_t oldest = 0;
        std::uint64_t newest = 0;
        bool quiet = true; // no write was under way
    };

    RecordBook(std::uint32_t writer, std::uint64_t begin) : writer_(writer), begin_(begin) {}

    // Blocks up to the end are as they were made: zeros.
    void grow(std::uint64_t end);
    std::uint64_t begin() const { return begin_; }
    std::uint64_t end() const;

    void sent(const Record& record);
    void acknowledged(const Record& record);

    std::vector<Expectation> expectations(std::uint64_t offset, std::uint32_t blocks) const;
    // Looks at what a read found. While a write is under way to a block, a read may meet it half
    // done, as with any disk; otherwise every block is of one record.
    std::string check(const void* data, std::uint64_t offset,
                      const std::vector<Expectation>& expected);
    // Looks at a store that nobody writes to just now: also what was under way to it is there or
    // not, block by block.
    std::string check_store(const void* data) const;

private:
    struct Block {
        std::uint64_t acknowledged = 0;
        std::uint64_t oldest = 0;
        std::uint64_t newest = 0;
    };
    Block& at(std::uint64_t offset) { return blocks_[(offset - begin_) / record_block]; }
    static std::string compare(std::uint64_t place, std::uint64_t sequence, std::uint64_t oldest,
                               std::uint64_t newest);

    std::uint32_t writer_;
    std::uint64_t begin_;
    mutable std::mutex mutex_;
    std::vector<Block> blocks_;
};

} // namespace userblk::test
