// SPDX-License-Identifier: MIT
#include "tests/system/support/record_book.hpp"

#include <algorithm>

namespace userblk::test {

namespace {

std::string torn(std::uint64_t place, const BlockContent& content) {
    return "block at " + std::to_string(place) + " is torn or foreign: " + content.describe();
}

} // namespace

void RecordBook::grow(std::uint64_t new_end) {
    std::lock_guard lock(mutex_);
    const std::size_t blocks = (new_end - begin_) / record_block;
    if (blocks > blocks_.size())
        blocks_.resize(blocks);
}

std::uint64_t RecordBook::end() const {
    std::lock_guard lock(mutex_);
    return begin_ + blocks_.size() * record_block;
}

void RecordBook::sent(const Record& record) {
    std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < record.blocks; i++)
        at(record.offset + i * record_block).newest = record.sequence;
}

void RecordBook::acknowledged(const Record& record) {
    std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < record.blocks; i++) {
        Block& block = at(record.offset + i * record_block);
        block.acknowledged = record.sequence;
        block.oldest = std::max(block.oldest, record.sequence);
    }
}

std::vector<RecordBook::Expectation> RecordBook::expectations(std::uint64_t offset,
                                                              std::uint32_t blocks) const {
    std::lock_guard lock(mutex_);
    std::vector<Expectation> result;
    const std::size_t first = (offset - begin_) / record_block;
    for (std::size_t i = 0; i < blocks; i++) {
        const Block& block = blocks_[first + i];
        result.push_back({block.oldest, block.newest, block.acknowledged == block.newest});
    }
    return result;
}

std::string RecordBook::compare(std::uint64_t place, std::uint64_t sequence, std::uint64_t oldest,
                                std::uint64_t newest) {
    const std::string found =
        "block at " + std::to_string(place) + " is of record " + std::to_string(sequence);
    if (sequence < oldest)
        return found + ", but " + std::to_string(oldest) + " was acknowledged or seen";
    if (sequence > newest)
        return found + ", which was never sent";
    return {};
}

std::string RecordBook::check(const void* data, std::uint64_t offset,
                              const std::vector<Expectation>& expected) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < expected.size(); i++) {
        const std::uint64_t place = offset + i * record_block;
        const BlockContent content =
            read_block(static_cast<const char*>(data) + i * record_block, place, writer_);
        Block& block = at(place);
        const bool quiet = expected[i].quiet && block.newest == expected[i].newest;
        if (!content.sound) {
            if (quiet)
                return torn(place, content);
            continue;
        }
        const std::string problem =
            compare(place, content.sequence, expected[i].oldest, block.newest);
        if (!problem.empty())
            return problem;
        block.oldest = std::max(block.oldest, content.sequence);
    }
    return {};
}

std::string RecordBook::check_store(const void* data) const {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < blocks_.size(); i++) {
        const std::uint64_t place = begin_ + i * record_block;
        const BlockContent content =
            read_block(static_cast<const char*>(data) + place, place, writer_);
        if (!content.sound)
            return "in the store, " + torn(place, content);
        const std::string problem =
            compare(place, content.sequence, blocks_[i].oldest, blocks_[i].newest);
        if (!problem.empty())
            return "in the store, " + problem;
    }
    return {};
}

} // namespace userblk::test
