// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "tests/system/support/record.hpp"

namespace userblk::test {

// What a writer knows of each block of its part of a device: which record was acknowledged there,
// the oldest that may be there (that one, or one read since) and the newest that was sent. Checks
// return an empty string if all is well. Safe from any thread.
class RecordBook {
public:
    // One block's state when a read was sent.
    struct Expectation {
        std::uint64_t oldest = 0;
        std::uint64_t newest = 0;
        bool quiet = true; // no write was under way
    };

    RecordBook(std::uint32_t writer, std::uint64_t begin) : writer_(writer), begin_(begin) {}

    // Blocks up to the end are new: zeros.
    void grow(std::uint64_t end);
    std::uint64_t begin() const { return begin_; }
    std::uint64_t end() const;

    void sent(const Record& record);
    void acknowledged(const Record& record);

    std::vector<Expectation> expectations(std::uint64_t offset, std::uint32_t blocks) const;
    // Checks the result of a read. While a write to a block is under way, a read may find it half
    // done, as on any disk; otherwise every block holds one record.
    std::string check(const void* data, std::uint64_t offset,
                      const std::vector<Expectation>& expected);
    // Checks a store that nobody is writing at the moment: a write that was under way is there or
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
