// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::test {

// Files that are written so that it is known at any moment what the file system has promised to
// keep (by fsync, fdatasync, O_DSYNC), and whose content tells what it is: records appended to one
// file, blocks of another overwritten in place past the page cache, and files that are replaced by
// rename or removed. The three ways to write are for one thread each; whatever fails throws.
class FsyncedFiles {
public:
    static constexpr std::size_t blocks = 32, names = 6;

    // What was acknowledged: how many records; the version of each block and name. Every change of
    // a name, a removal too, is a version of it.
    struct Known {
        std::uint64_t records = 0;
        std::array<std::uint64_t, blocks> block{};
        std::array<std::uint64_t, names> name{};

        std::uint64_t total() const;
    };

    // Makes the files in the folder, durably.
    explicit FsyncedFiles(std::string folder);

    void append();
    void overwrite();
    void replace();
    // No more is written.
    void close();

    Known known() const;
    // What of that is not there in another folder, or damaged, in words. Not while it is written.
    std::vector<std::string> missing(const std::string& folder, const Known& known) const;

private:
    // What nobody waits for, so that there always is something that a power cut may take.
    void disturb();
    void missing_records(const std::string& folder, std::uint64_t count,
                         std::vector<std::string>& to) const;
    void missing_blocks(const std::string& folder, const Known& known,
                        std::vector<std::string>& to) const;
    void missing_name(const std::string& folder, std::size_t name, std::uint64_t version,
                      std::vector<std::string>& to) const;
    void write_file(const std::string& path, std::uint64_t name, std::uint64_t version) const;

    std::string folder_;
    Fd directory_, records_, blocks_, noise_;
    std::mt19937 block_dice_{1}, name_dice_{2}, noise_dice_{3};
    mutable std::mutex mutex_; // of known_
    Known known_, begun_;
    std::array<std::vector<bool>, names> removals_; // whether a version is one
};

} // namespace userblk::test
