// SPDX-License-Identifier: MIT
#include "volume.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace thin {

namespace {

// Space is reserved in steps of this size, if available.
constexpr std::uint64_t reserved_ahead = 4 << 20;

[[noreturn]] void no_space() {
    throw std::system_error(std::make_error_code(std::errc::no_space_on_device),
                            "no place left in the store");
}

bool is_no_space(const std::system_error& error) {
    return error.code() == std::errc::no_space_on_device;
}

} // namespace

Volume::Volume(const std::string& store, const std::string& map, std::unique_ptr<Requests> requests)
    : store_(store, false), map_(map, MapFile::Mode::read_write), requests_(std::move(requests)) {
    const auto needed = this->map().used() * block_size();
    if (store_.is_block_device() && store_.size() < needed)
        throw std::runtime_error(store + " is smaller than " + map +
                                 " requires: " + std::to_string(store_.size()) + " bytes, not " +
                                 std::to_string(needed) + "; is it the right one?");
    store_.reach(needed); // a power cut can drop unflushed data
    enter();
}

// There may have been a power cut since the volume was last open; this cannot be detected.
void Volume::enter() {
    Lock lock(map_);
    if (!store_.is_open_elsewhere() && map().prepared() > map().used())
        lock.append({.kind = Record::Kind::prepared, .place = 0});
    store_.mark_open();
}

// Places that were never allocated. There are at most as many places as blocks: each block has
// at most one, and each place a block.
std::uint64_t Volume::unused() const {
    auto all = map().blocks();
    if (store_.is_block_device())
        all = std::min(all, store_.size() / block_size());
    if (header().limit > 0)
        all = std::min(all, header().limit / block_size());
    return all > map().used() ? all - map().used() : 0;
}

void Volume::provide(std::uint64_t first, std::uint64_t count) {
    if (map().all_mapped(first, count))
        return;
    Lock lock(map_);
    const auto end = first + count;
    for (auto block = first; block < end;) {
        if (map().place(block)) {
            ++block;
        } else if (map().home(block)) {
            provide_home(lock, block++);
        } else if (unused() > 0) {
            block += provide_unused(lock, block, end);
        } else {
            provide_taken(lock, block++);
        }
    }
}

void Volume::provide_home(Lock& lock, std::uint64_t block) {
    const auto place = *map().home(block);
    store_.zero(place * block_size(), block_size());
    lock.append({.kind = Record::Kind::place, .block = block, .place = place, .count = 1});
}

// Provides a run of blocks that have no place; returns its length.
std::uint64_t Volume::provide_unused(Lock& lock, std::uint64_t first, std::uint64_t limit) {
    const auto most = std::min(limit - first, unused());
    std::uint64_t count = 1;
    while (count < most && !map().place(first + count) && !map().home(first + count))
        ++count;
    const auto place = map().used();
    if (map().prepared() < place + count)
        prepare(lock, count);
    lock.append({.kind = Record::Kind::place, .block = first, .place = place, .count = count});
    return count;
}

// Zeroes at least @p count places behind the used ones.
void Volume::prepare(Lock& lock, std::uint64_t count) {
    const auto from = map().prepared();
    const auto needed = map().used() + count - from;
    const auto rest = unused() - (from - map().used());
    auto step = std::min(rest, std::max(needed, reserved_ahead / block_size()));
    try {
        store_.zero(from * block_size(), step * block_size());
    } catch (const std::system_error& error) {
        if (!is_no_space(error) || step == needed)
            throw;
        step = needed;
        store_.zero(from * block_size(), step * block_size());
    }
    if (store_.is_block_device())
        store_.sync();
    lock.append({.kind = Record::Kind::prepared, .place = from + step});
}

// The store is full, except for places that freed blocks keep.
void Volume::provide_taken(Lock& lock, std::uint64_t block) {
    if (map().freed() == 0)
        no_space();
    const auto busy = requests_ ? requests_->under_way() : std::vector<Requests::Range>();
    if (!busy)
        no_space();
    const auto is_idle = [&](std::uint64_t free) {
        const auto begin = free * block_size();
        return std::none_of(busy->begin(), busy->end(), [&](const Requests::Range& range) {
            return range.offset < begin + block_size() && begin < range.offset + range.length;
        });
    };
    const auto giver = map().find_free(is_idle);
    if (!giver)
        no_space();
    store_.zero(*map().home(*giver) * block_size(), block_size());
    store_.sync();
    lock.append({.kind = Record::Kind::move, .block = block, .place = *giver, .count = 1});
    map_.sync();
}

// Frees the space before it writes the record: a process that dies in between leaves zeros
// in a block whose content is obsolete, and the request is carried out again.
void Volume::free(std::uint64_t first, std::uint64_t count, const userblk::Operation& operation) {
    if (!map().any_mapped(first, count))
        return;
    Lock lock(map_);
    if (requests_ && !requests_->have(operation))
        throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                                "the request was put back");
    bool any = false;
    for (auto block = first; block < first + count; ++block)
        if (const auto place = map().place(block)) {
            store_.give_back(*place * block_size(), block_size());
            any = true;
        }
    if (any)
        lock.append({.kind = Record::Kind::free, .block = first, .count = count});
}

} // namespace thin
