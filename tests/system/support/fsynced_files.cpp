// SPDX-License-Identifier: MIT
#include "tests/system/support/fsynced_files.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/buffer.hpp"

namespace userblk::test {

namespace {

constexpr std::size_t block_size = 4096;
constexpr std::size_t noise_size = 8 << 20;

void must(bool done, const std::string& what) {
    if (!done)
        throw_errno("unable to " + what);
}

Fd make(const std::string& path, int flags) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600));
    must(fd.open(), "make " + path);
    return fd;
}

void write_all(int fd, const Buffer& data, std::uint64_t offset) {
    const auto done = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    must(done == static_cast<ssize_t>(data.size()), "write");
}

// The whole file; nothing if there is none.
Buffer content(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!fd.open() || ::fstat(fd.get(), &about) || !about.st_size)
        return Buffer();
    Buffer data(static_cast<std::size_t>(about.st_size));
    const auto done = ::pread(fd.get(), data.data(), data.size(), 0);
    return done == static_cast<ssize_t>(data.size()) ? std::move(data) : Buffer();
}

// A version's content begins with its number, which identifies it.
Buffer versioned(std::size_t length, std::uint64_t of, std::uint64_t version) {
    Buffer data = pattern(length, of << 16 | version);
    std::memcpy(data.data(), &version, sizeof(version));
    return data;
}

std::uint64_t version_of(const std::uint8_t* data) {
    std::uint64_t version = 0;
    std::memcpy(&version, data, sizeof(version));
    return version;
}

// Of all lengths, within and across blocks.
std::size_t record_length(std::uint64_t number) {
    return 100 + number * 7919 % 12000;
}

std::size_t file_length(std::uint64_t name, std::uint64_t version) {
    return 8 + (name * 31 + version) * 6701 % 30000;
}

std::string file_name(std::size_t name) {
    return "/name" + std::to_string(name);
}

} // namespace

std::uint64_t FsyncedFiles::Known::total() const {
    return std::accumulate(name.begin(), name.end(),
                           std::accumulate(block.begin(), block.end(), records));
}

FsyncedFiles::FsyncedFiles(std::string folder)
    : folder_(std::move(folder)), directory_(open_file(folder_, O_RDONLY | O_DIRECTORY)),
      records_(make(folder_ + "/records", O_APPEND)), noise_(make(folder_ + "/noise", 0)) {
    const Fd fd = make(folder_ + "/blocks", 0);
    for (std::size_t i = 0; i < blocks; i++)
        write_all(fd.get(), versioned(block_size, i, 0), i * block_size);
    must(!::fsync(fd.get()) && !::fsync(records_.get()) && !::fsync(directory_.get()),
         "sync the files made");
    blocks_ = make(folder_ + "/blocks", O_DIRECT | O_DSYNC);
    for (auto& removals : removals_)
        removals.push_back(true);
}

void FsyncedFiles::append() {
    const Buffer record = pattern(record_length(begun_.records), begun_.records);
    begun_.records++;
    must(::write(records_.get(), record.data(), record.size()) ==
             static_cast<ssize_t>(record.size()),
         "append");
    must(!::fdatasync(records_.get()), "sync what was appended");
    disturb();
    const std::lock_guard lock(mutex_);
    known_.records = begun_.records;
}

void FsyncedFiles::overwrite() {
    const std::size_t which = block_dice_() % blocks;
    const std::uint64_t version = ++begun_.block[which];
    write_all(blocks_.get(), versioned(block_size, which, version), which * block_size);
    const std::lock_guard lock(mutex_);
    known_.block[which] = version;
}

void FsyncedFiles::write_file(const std::string& path, std::uint64_t name,
                              std::uint64_t version) const {
    const Fd fd = make(path, O_TRUNC);
    write_all(fd.get(), versioned(file_length(name, version), blocks + name, version), 0);
    must(!::fsync(fd.get()), "sync " + path);
}

void FsyncedFiles::replace() {
    const std::size_t which = name_dice_() % names;
    const std::uint64_t version = ++begun_.name[which];
    const std::string path = folder_ + file_name(which);
    const bool remove = !removals_[which].back() && name_dice_() % 3 == 0;
    removals_[which].push_back(remove);
    if (remove) {
        must(!::unlink(path.c_str()), "remove " + path);
    } else {
        write_file(path + ".new", which, version);
        must(!::rename((path + ".new").c_str(), path.c_str()), "rename to " + path);
    }
    must(!::fsync(directory_.get()), "sync the folder");
    const std::lock_guard lock(mutex_);
    known_.name[which] = version;
}

void FsyncedFiles::disturb() {
    const Buffer data = pattern(1 + noise_dice_() % 40000, noise_dice_());
    write_all(noise_.get(), data, noise_dice_() % noise_size);
    if (noise_dice_() % 8 == 0)
        must(!::ftruncate(noise_.get(), static_cast<off_t>(noise_dice_() % noise_size)), "cut off");
}

void FsyncedFiles::close() {
    for (Fd* const fd : {&directory_, &records_, &blocks_, &noise_})
        fd->reset();
}

FsyncedFiles::Known FsyncedFiles::known() const {
    const std::lock_guard lock(mutex_);
    return known_;
}

std::vector<std::string> FsyncedFiles::missing(const std::string& folder,
                                               const Known& known) const {
    std::vector<std::string> result;
    missing_records(folder, known.records, result);
    missing_blocks(folder, known, result);
    for (std::size_t i = 0; i < names; i++)
        missing_name(folder, i, known.name[i], result);
    return result;
}

void FsyncedFiles::missing_records(const std::string& folder, std::uint64_t count,
                                   std::vector<std::string>& to) const {
    const Buffer all = content(folder + "/records");
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < count; i++) {
        const Buffer record = pattern(record_length(i), i);
        if (at + record.size() > all.size() ||
            std::memcmp(all.data() + at, record.data(), record.size()) != 0)
            return to.push_back("record " + std::to_string(i) + " of " + std::to_string(count));
        at += record.size();
    }
}

void FsyncedFiles::missing_blocks(const std::string& folder, const Known& known,
                                  std::vector<std::string>& to) const {
    const Buffer all = content(folder + "/blocks");
    if (all.size() != blocks * block_size)
        return to.push_back("the file of blocks");
    for (std::size_t i = 0; i < blocks; i++) {
        const std::uint8_t* const data = all.data() + i * block_size;
        const std::uint64_t version = version_of(data);
        const Buffer expected = versioned(block_size, i, version);
        if (version < known.block[i] || version > begun_.block[i] ||
            std::memcmp(data, expected.data(), block_size) != 0)
            to.push_back("block " + std::to_string(i) + " of version " +
                         std::to_string(known.block[i]) + "; there is " + std::to_string(version));
    }
}

// What was begun and not acknowledged may be there or not.
void FsyncedFiles::missing_name(const std::string& folder, std::size_t name, std::uint64_t version,
                                std::vector<std::string>& to) const {
    const auto& removals = removals_[name];
    const Buffer data = content(folder + file_name(name));
    const auto complain = [&](const std::string& found) {
        to.push_back(file_name(name) + " of version " + std::to_string(version) + "; there is " +
                     found);
    };
    if (data.size() < sizeof(version)) {
        if (::access((folder + file_name(name)).c_str(), F_OK) == 0)
            return complain("an empty one");
        if (std::none_of(removals.begin() + static_cast<std::ptrdiff_t>(version), removals.end(),
                         [](bool removal) { return removal; }))
            complain("none");
        return;
    }
    const std::uint64_t found = version_of(data.data());
    if (found < version || found >= removals.size() || removals[found] ||
        !(data == versioned(file_length(name, found), blocks + name, found)))
        complain("version " + std::to_string(found));
}

} // namespace userblk::test
