// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace userblk {

class SharedCounter;

/// A store in a named segment of shared memory (/dev/shm), which outlives the
/// workers and the supervisor, until remove() or a reboot.
///
/// Grows with the device, frees the memory of discarded and zeroed ranges, and fails
/// with ENOSPC when the memory file system is full.
class MemoryBackend final : public Backend {
public:
    /// Opens the segment @p name, or creates it, for the calling user alone (0600), with at
    /// least @p size bytes. A counter beside it, "NAME~discards", belongs to it.
    /// @param open_file a descriptor of the segment to reopen, even if @p name now names
    ///        another; -1: open @p name
    /// @throws std::system_error "unable to …"; EPERM, with a text that names the owner, if
    ///         the segment exists and another user owns it or may open it;
    ///         std::invalid_argument for a name with "/" or "~"
    MemoryBackend(const std::string& name, std::uint64_t size, int open_file = -1);
    ~MemoryBackend() override;

    /// The name of a device's own segment, distinct from that of an earlier device with
    /// the same number.
    static std::string segment_of(std::uint32_t number, std::uint64_t diskseq);
    /// The segment of "mem:NAME", /dev/shm/userblk.NAME.
    static std::string segment_named(const std::string& name);
    /// "/dev/shm/NAME".
    static std::string path_of(const std::string& name);

    /// Whether a worker serves a device from the segment, if the caller may open it.
    static bool in_use(const std::string& name);
    /// Removes the segment; processes that have it open keep it until they close it.
    /// Returns false if there was none.
    /// @throws std::system_error
    static bool remove(const std::string& name);
    /// Removes the segments of devices that no longer exist and returns their names;
    /// skips those of other users.
    static std::vector<std::string> remove_stale();

    Description describe() const override;
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;
    /// Empty for a load of a range that was never written: touching it would allocate
    /// memory.
    std::span<std::byte> mapping(std::uint64_t offset, std::size_t length,
                                 Access access) noexcept override;
    /// Loads what is stored now. Data stored later is locked by the process that
    /// stores it, for the life of that process.
    std::error_code preload() noexcept override;
    std::vector<StoreFile> store_files() const override;

private:
    struct Mapping;

    std::uint64_t mapped() const noexcept;
    /// The mapping, grown to at least @p size, not 0; nullptr: see grow().
    Mapping* reaching(std::uint64_t size) noexcept;
    std::error_code grow(std::uint64_t size) noexcept;
    std::error_code map(std::uint64_t size) noexcept;

    std::string name_; ///< of the segment
    abi::FileDescriptor fd_;
    std::mutex mutex_;                               ///< held while growing
    std::vector<std::unique_ptr<Mapping>> mappings_; ///< the old ones may still be in use
    std::atomic<Mapping*> current_ = nullptr;        ///< the last of them
    /// Discards by any worker; each may invalidate what is known of pages in memory.
    std::unique_ptr<SharedCounter> discards_;
    std::atomic<std::uint64_t> discards_seen_ = 0;
};

} // namespace userblk
