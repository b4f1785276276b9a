// SPDX-License-Identifier: MIT
#pragma once

#include "requests.hpp"
#include "shared_map.hpp"
#include "store.hpp"

#include <memory>
#include <string>

namespace thin {

/// The blocks of a volume: which place each one gets, and when it loses it.
///
/// **Zeros.** A place is zeros when a block gets it, so what the first write does
/// not cover reads as zeros. Places that were never used are prepared some ahead.
///
/// **Late writes.** Nothing tells when a write that was sent to a place is over:
/// the kernel carries it out. So a place stays with its block when the block is
/// freed, and goes to another block only where the store has no other left (a
/// block device, or a file with a limit; others get longer instead), and then only if no request
/// that could know of it is under way. Without that a write, or its discard, that another one
/// overlaps could end up in a stranger's data.
///
/// **Power cuts.** A record may reach the disk without the data and the data without
/// the record. Neither may show one block's data in another one:
///  - what was prepared is void for the first one who opens the volume while nobody
///    else has it open: data may have reached such a place and its record not;
///  - of a block device, which may hold anything, zeros are on stable storage before
///    the record that gives the place out can be;
///  - a place that goes to another block is zeros on stable storage before, and the
///    record as well before data can follow.
/// A place that its own block gets again may show that block's old data.
///
/// **Stopped processes.** One that was stopped at any point, its requests put back
/// and carried out by others, goes on later with what it had begun. Giving a place
/// to a block does no harm then. Freeing one would: so it is looked up, under the
/// lock, whether the request is still this process's. If it is, it will not be over
/// before the lock is, since whoever carries it out again needs the lock.
///
/// All functions throw std::system_error or Damaged. For one thread at a time.
class Volume {
public:
    /// @p requests may be nullptr: then nobody else has or had requests under way.
    ///
    /// While the object lives the store is marked as open in this process, by a lock.
    Volume(const std::string& store, const std::string& map,
           std::unique_ptr<Requests> requests = nullptr);

    const Header& header() const noexcept { return map_.header(); }
    std::uint64_t block_size() const noexcept { return header().block_size; }
    const BlockMap& map() const noexcept { return map_.map(); }
    Store& store() noexcept { return store_; }
    int map_fd() const noexcept { return map_.fd(); }

    /// Takes in what other processes did. Before anything else for each request.
    void refresh() { map_.refresh(); }
    /// What was given out and freed so far survives a power cut.
    void sync() { map_.sync(); }
    /// Sees to it that these blocks have a place. ENOSPC if there is none.
    void provide(std::uint64_t first, std::uint64_t count);
    /// Makes these blocks holes, as @p operation demands. ECANCELED if it was put back.
    void free(std::uint64_t first, std::uint64_t count, const userblk::Operation& operation);

private:
    using Lock = SharedMap::Lock;

    void provide_home(Lock& lock, std::uint64_t block);
    std::uint64_t provide_unused(Lock& lock, std::uint64_t first, std::uint64_t limit);
    void provide_taken(Lock& lock, std::uint64_t block);
    void prepare(Lock& lock, std::uint64_t count);
    void enter();
    std::uint64_t unused() const;

    Store store_;
    SharedMap map_;
    std::unique_ptr<Requests> requests_;
};

} // namespace thin
