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

// Files written so that at any moment it is known what the file system has promised to keep (by
// fsync, fdatasync, O_DSYNC), and whose content identifies itself: records appended to one file,
// blocks of another overwritten in place, bypassing the page cache, and files that are replaced by
// rename or removed. Each of the three ways to write belongs to one thread; failures throw.
class FsyncedFiles {
public:
    static constexpr std::size_t blocks = 32, names = 6;

    // What was acknowledged: the number of records; the version of each block and name. Every
    // change of a name, a removal too, gives it a new version.
    struct Known {
        std::uint64_t records = 0;
        std::array<std::uint64_t, blocks> block{};
        std::array<std::uint64_t, names> name{};

        std::uint64_t total() const;
    };

    // Creates the files in the folder, durably.
    explicit FsyncedFiles(std::string folder);

    void append();
    void overwrite();
    void replace();
    // Ends the writing.
    void close();

    Known known() const;
    // What of `known` is missing or damaged in another folder, in words. Not while it is written.
    std::vector<std::string> missing(const std::string& folder, const Known& known) const;

private:
    // Writes that nobody waits for, so that a power cut always finds something to take.
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
    mutable std::mutex mutex_; // guards known_
    Known known_, begun_;
    std::array<std::vector<bool>, names> removals_; // whether a version is a removal
};

} // namespace userblk::test
