// SPDX-License-Identifier: MIT
#pragma once

#include "record.hpp"
#include "system.hpp"

#include <optional>
#include <span>
#include <string>

namespace thin {

/// The first page of a map file. Little-endian, as all in it.
struct Header {
    static constexpr std::uint64_t least_block = 4 << 10, most_block = 16 << 20;
    /// Less than least_spare would not do for the one who finds the log full.
    static constexpr std::uint64_t least_spare = 100, most_spare = 1 << 24;

    char magic[8] = {'u', 'b', 'l', 'k', 't', 'h', 'i', 'n'};
    std::uint32_t version = 1;
    std::uint32_t block_size = 0; ///< bytes; a power of two
    std::uint64_t size = 0;       ///< of the volume, bytes
    std::uint64_t limit = 0;      ///< of the store, bytes; 0: none
    std::uint64_t id = 0;         ///< of this file, random; part of each record's checksum
    std::uint64_t checkpoint = 0; ///< so many of the first records were there from the beginning
    std::uint64_t capacity = 0;   ///< records that there is room for
    std::uint64_t spare = 0;      ///< the least room for new ones in the next file
    std::uint32_t reserved = 0;
    std::uint32_t checksum = 0; ///< of all before it

    std::uint64_t blocks() const noexcept { return size / block_size; }
    /// What a file has room for that begins with so many records.
    std::uint64_t room_behind(std::uint64_t records) const noexcept { return spare + 2 * records; }
    /// Whether this program could have written it. Others' files have checksums, too.
    bool is_sound() const noexcept;
};

/// One file of records: a header, a checkpoint, and the log that follows on it.
/// It is only ever appended to, at a place that was zeros: a record is there as
/// soon as it was written, to whoever maps the file, and whatever becomes of its
/// writer. A record that is not whole (its writer was killed, or the power was
/// cut) is none, and the next one takes its place.
class MapFile {
public:
    enum class Mode { read_only, read_write };
    static constexpr std::uint64_t header_size = 4096;

    /// @throws Damaged, std::system_error
    MapFile(const std::string& path, Mode mode);
    MapFile(MapFile&&) = default;
    MapFile& operator=(MapFile&& next) noexcept;
    ~MapFile();

    /// Writes a new file with these records, all of it on stable storage when it
    /// returns. Whatever was there is lost. @p header needs its size, block_size,
    /// and spare.
    static void write_new(const std::string& path, Header header, std::span<const Record> records);

    const Header& header() const noexcept { return header_; }
    int fd() const noexcept { return fd_.get(); }

    /// Whether there may be a record of this number: one load from memory.
    bool may_have(std::uint64_t index) const noexcept;
    /// The record, if it is there and whole.
    std::optional<Record> read(std::uint64_t index) const noexcept;
    /// The caller has the lock; all records before it are there.
    void write(std::uint64_t index, Record record);
    /// Takes away what a power cut may have left behind the last record, since
    /// what is there would be taken for a record once the gap before it is filled.
    void clear_from(std::uint64_t index);
    /// Whether anything but zeros stands there.
    bool is_clear_from(std::uint64_t index) const;

    void lock() { lock_file(fd()); }
    void unlock() { unlock_file(fd()); }
    /// Whether this file is the one of that name.
    bool is_at(const std::string& path) const;
    /// Goes on in @p next, **on the same descriptor number**, which may be in an
    /// answer that is on its way to the kernel.
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
