// SPDX-License-Identifier: MIT
#pragma once

#include "block_map.hpp"
#include "map_file.hpp"

#include <string>

namespace thin {

/// The block map of a volume, shared by processes: each keeps its own copy in memory,
/// up to date with the file's last record. They share nothing else, so a killed
/// process leaves nothing half done: a record exists or not, and the lock ends with
/// its holder.
///
/// **When the log is full**, the holder of the lock writes a new file that starts with
/// a checkpoint, makes it durable, appends `end` to the old file, and renames the new
/// file over it. A process that reads `end` continues in the file at that path. If
/// that is still the old one, a process died between these two steps, and the next
/// holder of the lock repeats them. No process appends behind an `end`, or to a new
/// file before the old one has ended, so there is always exactly one log.
///
/// For one thread at a time.
class SharedMap {
public:
    /// The most records that one holder of the lock may append.
    static constexpr std::uint64_t most_appended = 80;
    static_assert(most_appended < Header::least_spare, "or a new file would be full at once");

    /// Creates a volume without blocks. @throws if the file exists
    static void create(const std::string& path, const Header& header);

    SharedMap(const std::string& path, MapFile::Mode mode);

    const Header& header() const noexcept { return file_.header(); }
    const BlockMap& map() const noexcept { return map_; }
    /// Number of records, including those of the checkpoint.
    std::uint64_t records() const noexcept { return tail_; }
    /// Whether an incomplete record follows the last one.
    bool has_torn_tail() const { return !ended_ && !file_.is_clear_from(tail_); }
    /// The descriptor of the file, for flushes. It stays the same when the log
    /// continues in another file.
    int fd() const noexcept { return file_.fd(); }

    /// Reads records that any process has appended meanwhile. Cheap if there are none.
    void refresh();
    /// Makes all records read so far durable.
    void sync();

    /// The right to append. While held, the map is current for all processes.
    class Lock {
    public:
        explicit Lock(SharedMap& map) : map_(map) { map_.acquire(); }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock();
        /// Appends a record to the log and applies it to the map.
        void append(const Record& record) { map_.append(record); }

    private:
        SharedMap& map_;
    };

private:
    void acquire();
    void append(const Record& record);
    void follow();
    void read_again();
    void go_on_in_new_file();
    void write_new_file();

    std::string path_;
    MapFile file_;
    BlockMap map_;
    std::uint64_t tail_ = 0;   // the number of the next record
    std::uint64_t synced_ = 0; // records below it are durable
    bool ended_ = false;
};

} // namespace thin
