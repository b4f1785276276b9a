// SPDX-License-Identifier: MIT
#include "block_map.hpp"

#include <algorithm>
#include <string>

namespace thin {

namespace {

constexpr std::uint32_t freed_bit = 1U << 31;

bool is_mapped(std::uint32_t entry) noexcept {
    return entry != 0 && (entry & freed_bit) == 0;
}

std::uint64_t place_of(std::uint32_t entry) noexcept {
    return (entry & ~freed_bit) - 1;
}

} // namespace

BlockMap::BlockMap(std::uint64_t blocks) : entries_(blocks) {}

std::optional<std::uint64_t> BlockMap::place(std::uint64_t block) const noexcept {
    const auto entry = entries_[block];
    return is_mapped(entry) ? std::optional(place_of(entry)) : std::nullopt;
}

std::optional<std::uint64_t> BlockMap::home(std::uint64_t block) const noexcept {
    const auto entry = entries_[block];
    return (entry & freed_bit) != 0 ? std::optional(place_of(entry)) : std::nullopt;
}

bool BlockMap::any_mapped(std::uint64_t first, std::uint64_t count) const noexcept {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first);
    return std::any_of(begin, begin + static_cast<std::ptrdiff_t>(count), is_mapped);
}

bool BlockMap::all_mapped(std::uint64_t first, std::uint64_t count) const noexcept {
    const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(first);
    return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(count), is_mapped);
}

std::optional<std::uint64_t>
BlockMap::find_free(const std::function<bool(std::uint64_t)>& suits) const {
    for (std::uint64_t block = 0, left = freed_; left > 0; ++block) {
        if ((entries_[block] & freed_bit) == 0)
            continue;
        if (suits(block))
            return block;
        --left;
    }
    return std::nullopt;
}

std::uint64_t BlockMap::prepared() const noexcept {
    return std::max(prepared_, used());
}

void BlockMap::apply(const Record& record) {
    switch (record.kind) {
    case Record::Kind::place:
        return place_run(record);
    case Record::Kind::free:
        return free_run(record);
    case Record::Kind::move:
        return move(record);
    case Record::Kind::prepared:
        if (record.place > blocks())
            throw Damaged("a record about places that the volume cannot have");
        prepared_ = record.place;
        return;
    default:
        throw Damaged("a record of unknown kind " +
                      std::to_string(static_cast<unsigned>(record.kind)));
    }
}

void BlockMap::check_range(const Record& record) const {
    if (record.count == 0 || record.count > blocks() || record.block > blocks() - record.count)
        throw Damaged("a record about blocks that the volume does not have");
}

void BlockMap::place_run(const Record& record) {
    check_range(record);
    if (record.place > blocks() - record.count)
        throw Damaged(
            "a record about places that the volume cannot have"); // never more than blocks
    for (std::uint64_t i = 0; i < record.count; ++i) {
        const auto entry = entries_[record.block + i];
        const auto place = record.place + i;
        const bool owned = place < used() && owned_[place];
        const bool fits = entry == 0 ? !owned : !is_mapped(entry) && place_of(entry) == place;
        if (!fits)
            throw Damaged("block " + std::to_string(record.block + i) + " is put at place " +
                          std::to_string(place) + ", which is not free for it");
    }
    owned_.resize(std::max(used(), record.place + record.count));
    for (std::uint64_t i = 0; i < record.count; ++i) {
        auto& entry = entries_[record.block + i];
        freed_ -= entry != 0;
        entry = static_cast<std::uint32_t>(record.place + i + 1);
        owned_[record.place + i] = true;
    }
    mapped_ += record.count;
}

void BlockMap::free_run(const Record& record) {
    check_range(record);
    for (auto block = record.block; block < record.block + record.count; ++block)
        if (is_mapped(entries_[block])) {
            entries_[block] |= freed_bit;
            --mapped_;
            ++freed_;
        }
}

void BlockMap::move(const Record& record) {
    check_range(record);
    if (record.count != 1 || entries_[record.block] != 0 || record.place >= blocks() ||
        (entries_[record.place] & freed_bit) == 0)
        throw Damaged("block " + std::to_string(record.block) + " takes the place of block " +
                      std::to_string(record.place) + ", which is not free for it");
    entries_[record.block] = entries_[record.place] & ~freed_bit;
    entries_[record.place] = 0;
    --freed_;
    ++mapped_;
}

// Runs of contiguous blocks, then the free ones among them.
std::vector<Record> BlockMap::records() const {
    std::vector<Record> result;
    for (std::uint64_t block = 0; block < blocks(); ++block) {
        if (entries_[block] == 0)
            continue;
        const auto place = place_of(entries_[block]);
        if (!result.empty() && result.back().block + result.back().count == block &&
            result.back().place + result.back().count == place)
            ++result.back().count;
        else
            result.push_back(
                {.kind = Record::Kind::place, .block = block, .place = place, .count = 1});
    }
    const auto runs = result.size();
    for (std::uint64_t block = 0, left = freed_; left > 0; ++block) {
        if ((entries_[block] & freed_bit) == 0)
            continue;
        --left;
        if (result.size() > runs && result.back().block + result.back().count == block)
            ++result.back().count;
        else
            result.push_back({.kind = Record::Kind::free, .block = block, .count = 1});
    }
    if (prepared_ > used())
        result.push_back({.kind = Record::Kind::prepared, .place = prepared_});
    return result;
}

} // namespace thin
