// SPDX-License-Identifier: MIT
#pragma once

#include "record.hpp"
#include "system.hpp"

#include <optional>
#include <span>
#include <string>

namespace thin {

/// The first page of a map file. Little-endian, like the rest.
struct Header {
    static constexpr std::uint64_t least_block = 4 << 10, most_block = 16 << 20;
    /// With less than least_spare the process that finds the log full could not continue.
    static constexpr std::uint64_t least_spare = 100, most_spare = 1 << 24;

    char magic[8] = {'u', 'b', 'l', 'k', 't', 'h', 'i', 'n'};
    std::uint32_t version = 1;
    std::uint32_t block_size = 0; ///< bytes; a power of two
    std::uint64_t size = 0;       ///< of the volume, bytes
    std::uint64_t limit = 0;      ///< of the store, bytes; 0: none
    std::uint64_t id = 0;         ///< of this file, random; part of each record's checksum
    std::uint64_t checkpoint = 0; ///< number of leading records that form the checkpoint
    std::uint64_t capacity = 0;   ///< capacity in records
    std::uint64_t spare = 0;      ///< minimum room for new records in the next file
    std::uint32_t reserved = 0;
    std::uint32_t checksum = 0; ///< of all before it

    std::uint64_t blocks() const noexcept { return size / block_size; }
    /// Capacity of a file that starts with this many records.
    std::uint64_t room_behind(std::uint64_t records) const noexcept { return spare + 2 * records; }
    /// Whether this program could have written it. Foreign files have valid checksums, too.
    bool is_sound() const noexcept;
};

/// A file of records: a header, a checkpoint, and the log that follows it. Records
/// are only appended, over zeros: a record is visible to all processes that map the
/// file as soon as it is written, whatever happens to its writer. An incomplete
/// record (its writer was killed, or the power was cut) is invalid, and the next one
/// overwrites it.
class MapFile {
public:
    enum class Mode { read_only, read_write };
    static constexpr std::uint64_t header_size = 4096;

    /// @throws Damaged, std::system_error
    MapFile(const std::string& path, Mode mode);
    MapFile(MapFile&&) = default;
    MapFile& operator=(MapFile&& next) noexcept;
    ~MapFile();

    /// Writes a new file with these records, durable on return. Replaces an existing
    /// file. @p header must have size, block_size, and spare set.
    static void write_new(const std::string& path, Header header, std::span<const Record> records);

    const Header& header() const noexcept { return header_; }
    int fd() const noexcept { return fd_.get(); }

    /// Whether a record of this number may exist: one load from memory.
    bool may_have(std::uint64_t index) const noexcept;
    /// The record, if it exists and is complete.
    std::optional<Record> read(std::uint64_t index) const noexcept;
    /// The caller holds the lock; all records before it exist.
    void write(std::uint64_t index, Record record);
    /// Clears what a power cut may have left behind the last record: it would count as
    /// a record once the gap before it is filled.
    void clear_from(std::uint64_t index);
    /// Whether anything but zeros stands there.
    bool is_clear_from(std::uint64_t index) const;

    void lock() { lock_file(fd()); }
    void unlock() { unlock_file(fd()); }
    /// Whether this file is the one at @p path.
    bool is_at(const std::string& path) const;
    /// Switches to @p next, **on the same descriptor number**, which may be part of an
    /// answer on its way to the kernel.
    void continue_in(MapFile next);

private:
    void map();
    const std::byte* at(std::uint64_t index) const noexcept;
    std::uint64_t end() const noexcept;

    FileDescriptor fd_;
    Header header_;
    const std::byte* memory_ = nullptr;
    std::uint64_t mapped_ = 0;
};

} // namespace thin
