// SPDX-License-Identifier: MIT
#pragma once

#include "requests.hpp"
#include "shared_map.hpp"
#include "store.hpp"

#include <memory>
#include <string>

namespace thin {

/// The blocks of a volume: which place each one gets, and when it loses the place.
///
/// **Zeros.** A place holds zeros when a block gets it, so what the first write does
/// not cover reads as zeros. Unused places are prepared in advance.
///
/// **Late writes.** Nothing reports when a write that was sent to a place is done:
/// the kernel carries it out. So a freed block keeps its place. The place moves to
/// another block only if the store has no other left (a block device, or a file with
/// a limit; other files grow instead), and only if no request that may refer to the
/// place is in flight. Otherwise a write that overlaps another write, or its discard,
/// could land in another block's data.
///
/// **Power cuts.** A record may reach the disk without the data and the data without
/// the record. Neither may expose one block's data in another:
///  - a process that opens the volume while no other has it open discards the prepared
///    places: data may have reached such a place and its record not;
///  - on a block device, which may hold anything, the zeros are durable before the
///    record that allocates the place can be;
///  - a place that moves to another block is zeroed durably first, and the record is
///    durable before data can follow.
/// A place that its own block gets again may show that block's old data.
///
/// **Stopped processes.** A process may be stopped at any point, its requests put back
/// and carried out by others, and continue later. Then allocating a place for a block
/// is harmless, but freeing one is not. So it checks, under the lock, that it still
/// holds the request. If it does, the request cannot complete before the lock is
/// released, because any process that carries it out again needs the lock.
///
/// All functions throw std::system_error or Damaged. For one thread at a time.
class Volume {
public:
    /// @p requests may be nullptr: then no other process has or had requests in flight.
    ///
    /// Marks the store as open in this process, by a lock, for the life of the object.
    Volume(const std::string& store, const std::string& map,
           std::unique_ptr<Requests> requests = nullptr);

    const Header& header() const noexcept { return map_.header(); }
    std::uint64_t block_size() const noexcept { return header().block_size; }
    const BlockMap& map() const noexcept { return map_.map(); }
    Store& store() noexcept { return store_; }
    int map_fd() const noexcept { return map_.fd(); }

    /// Reads the changes of other processes. Call it first for each request.
    void refresh() { map_.refresh(); }
    /// Makes allocations and frees so far survive a power cut.
    void sync() { map_.sync(); }
    /// Ensures that these blocks have places. ENOSPC if there are none.
    void provide(std::uint64_t first, std::uint64_t count);
    /// Makes these blocks holes, for @p operation. ECANCELED if it was put back.
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
