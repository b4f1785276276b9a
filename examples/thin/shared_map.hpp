// SPDX-License-Identifier: MIT
#pragma once

#include "block_map.hpp"
#include "map_file.hpp"

#include <string>

namespace thin {

/// The block map of a volume as all processes see it: each has its own copy in
/// memory and keeps it at the file's last record. Nothing else is shared, so
/// there is nothing that a killed process could leave half done: a record is
/// there or not, and the lock ends with its holder.
///
/// **When the log is full** whoever has the lock writes a new file, its beginning
/// a checkpoint, brings it to stable storage, says `end` in the old one, and gives
/// the new one the old one's name. Who sees the `end` goes on in the file of that
/// name. If it is still the old one, somebody died between these two steps, and
/// whoever gets the lock does it again. Nobody appends behind an `end`, and nobody
/// to a new file before the old one has ended, so there is one log at any time.
///
/// For one thread at a time.
class SharedMap {
public:
    /// Records that one holder of the lock may append at most.
    static constexpr std::uint64_t most_appended = 80;
    static_assert(most_appended < Header::least_spare, "or a new file were full at once");

    /// A volume without any blocks. @throws if there is such a file
    static void create(const std::string& path, const Header& header);

    SharedMap(const std::string& path, MapFile::Mode mode);

    const Header& header() const noexcept { return file_.header(); }
    const BlockMap& map() const noexcept { return map_; }
    /// Records so far, those of the checkpoint included.
    std::uint64_t records() const noexcept { return tail_; }
    /// Whether there is something behind the last record that is none.
    bool has_torn_tail() const { return !ended_ && !file_.is_clear_from(tail_); }
    /// The descriptor of the file: to be flushed. It stays the same, also when the
    /// log goes on in another file.
    int fd() const noexcept { return file_.fd(); }

    /// Takes in what was appended meanwhile, by whomever. Cheap if nothing was.
    void refresh();
    /// Brings all records that were taken in to stable storage.
    void sync();

    /// The right to append. While one is held, the map is that of all processes.
    class Lock {
    public:
        explicit Lock(SharedMap& map) : map_(map) { map_.acquire(); }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;
        ~Lock();
        /// Adds one record to the log and to the map.
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
    std::uint64_t synced_ = 0; // records below it are on stable storage
    bool ended_ = false;
};

} // namespace thin
