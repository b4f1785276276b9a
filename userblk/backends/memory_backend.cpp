// SPDX-License-Identifier: MIT
#include "userblk/backends/memory_backend.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/store/file_io.hpp"
#include "userblk/store/resident_pages.hpp"
#include "userblk/store/shared_counter.hpp"
#include "userblk/store/shared_segment.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/store/store_name_check.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <linux/falloc.h>
#include <stdexcept>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr const char* segment_folder = "/dev/shm";
constexpr std::size_t page = ResidentPages::page;

// The file beside a segment that counts its discards. No segment has such a name,
// because names cannot contain the separator.
constexpr char counter_mark = '~';
const std::string counter_suffix = counter_mark + std::string("discards");

const std::string& checked(const std::string& segment) {
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find_first_of(std::string("/") + counter_mark) != std::string::npos)
        throw std::invalid_argument("invalid name of a memory segment \"" + segment +
                                    "\"; expected one without \"/\" and \"~\"");
    return segment;
}

bool remove_segment(const std::string& name) {
    ::unlink(MemoryBackend::path_of(name + counter_suffix).c_str());
    return ::unlink(MemoryBackend::path_of(name).c_str()) == 0;
}

// Whether the descriptor is (still) the file of that name.
bool has_name(int fd, const std::string& path) {
    struct stat file {
    }, named{};
    return ::fstat(fd, &file) == 0 && ::lstat(path.c_str(), &named) == 0 &&
           file.st_dev == named.st_dev && file.st_ino == named.st_ino;
}

// A lock between processes, each with its own open file, for the life of the object.
class FileLock {
public:
    explicit FileLock(int fd) noexcept : fd_(fd) {
        while (::flock(fd_, LOCK_EX) < 0 && errno == EINTR) {
        }
    }
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { ::flock(fd_, LOCK_UN); }

private:
    int fd_;
};

} // namespace

struct MemoryBackend::Mapping {
    explicit Mapping(std::span<std::byte> all) : bytes(all), resident(all) {}
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() { ::munmap(bytes.data(), bytes.size()); }

    std::span<std::byte> bytes;
    ResidentPages resident;
};

std::string MemoryBackend::segment_of(std::uint32_t number, std::uint64_t diskseq) {
    return "userblk-" + std::to_string(number) + "-" + std::to_string(diskseq);
}

std::string MemoryBackend::segment_named(const std::string& name) {
    return "userblk." + name;
}

std::string MemoryBackend::path_of(const std::string& name) {
    return std::string(segment_folder) + "/" + name;
}

MemoryBackend::MemoryBackend(const std::string& name, std::uint64_t size, int open_file)
    : name_(checked(name)), fd_(open_file < 0 ? open_segment(path_of(name))
                                              : open_again(open_file, path_of(name), O_RDWR)) {
    struct stat status {};
    if (::fstat(fd_.get(), &status) < 0)
        abi::throw_errno("get the status of " + path_of(name));
    // The counter of an unlinked segment would belong to another, or never be removed.
    if (open_file < 0 || has_name(fd_.get(), path_of(name)))
        discards_ = std::make_unique<SharedCounter>(path_of(name + counter_suffix));
    if (const auto error = grow(std::max(size, static_cast<std::uint64_t>(status.st_size))))
        abi::throw_error("map " + std::to_string(size) + " bytes of " + path_of(name), error);
}

MemoryBackend::~MemoryBackend() = default;

std::uint64_t MemoryBackend::mapped() const noexcept {
    const auto* mapping = current_.load(std::memory_order_acquire);
    return mapping ? mapping->bytes.size() : 0;
}

inline MemoryBackend::Mapping* MemoryBackend::reaching(std::uint64_t size) noexcept {
    auto* const mapping = current_.load(std::memory_order_acquire);
    if (mapping && size <= mapping->bytes.size())
        return mapping;
    return grow(size) ? nullptr : current_.load(std::memory_order_acquire);
}

// Grows the segment and the mapping to @p size. The old mapping stays, because other
// threads may be using it.
std::error_code MemoryBackend::grow(std::uint64_t size) noexcept {
    if (size <= mapped())
        return {};
    const std::lock_guard guard(mutex_);
    if (size <= mapped()) // another thread was faster
        return {};
    size = (size + page - 1) / page * page;
    {
        // Between check and change another process could grow the segment, and this
        // would truncate it.
        const FileLock lock(fd_.get());
        struct stat status {};
        if (::fstat(fd_.get(), &status) < 0)
            return abi::last_error();
        if (static_cast<std::uint64_t>(status.st_size) < size &&
            ::ftruncate(fd_.get(), static_cast<off_t>(size)) < 0)
            return abi::last_error();
    }
    return map(size);
}

std::error_code MemoryBackend::map(std::uint64_t size) noexcept {
    void* base = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (base == MAP_FAILED)
        return abi::last_error();
    // Effective only if the administrator allows it: mount -o remount,huge=advise /dev/shm.
    ::madvise(base, size, MADV_HUGEPAGE);
    const std::span bytes(static_cast<std::byte*>(base), size);
    try {
        mappings_.reserve(mappings_.size() + 1);
        mappings_.push_back(std::make_unique<Mapping>(bytes));
    } catch (...) {
        ::munmap(base, size);
        return std::make_error_code(std::errc::not_enough_memory);
    }
    current_.store(mappings_.back().get(), std::memory_order_release);
    return {};
}

Description MemoryBackend::describe() const {
    Description description;
    description.size = mapped();
    description.discard = true;
    description.write_zeroes = true;
    description.discard_granularity = page;
    return description;
}

// Reads and writes go through the file: a failed allocation is then an error, while
// touching the mapping would kill the process.
std::error_code MemoryBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    if (const auto error = grow(offset + data.size()))
        return error;
    return read_fully(fd_.get(), data, offset);
}

std::error_code MemoryBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                     WriteFlags) {
    if (const auto error = grow(offset + data.size()))
        return error;
    return write_fully(fd_.get(), data, offset);
}

std::error_code MemoryBackend::discard(std::uint64_t offset, std::uint64_t length) {
    if (auto* mapping = reaching(offset + length))
        mapping->resident.remove(offset, length);
    const auto error =
        allocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
    if (discards_)
        discards_->add();
    return error;
}

std::error_code MemoryBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                            ZeroFlags flags) {
    if (flags.keep_allocated)
        return Backend::write_zeroes(offset, length, flags);
    return discard(offset, length);
}

std::span<std::byte> MemoryBackend::mapping(std::uint64_t offset, std::size_t length,
                                            Access access) noexcept {
    auto* const mapping = reaching(offset + length);
    if (!mapping)
        return {};
    if (const auto discards = discards_ ? discards_->get() : 0; discards != discards_seen_.load()) {
        discards_seen_ = discards;
        mapping->resident.forget_all();
    }
    if (access == Access::store)
        mapping->resident.add(offset, length);
    else if (!discards_ || !mapping->resident.contain(offset, length))
        return {};
    return mapping->bytes.subspan(offset, length);
}

std::vector<StoreFile> MemoryBackend::store_files() const {
    const auto named = segment_named("");
    const auto text = name_.starts_with(named) ? name_.substr(named.size()) : "";
    return {{"mem:" + text, file_identity(fd_.get()), fd_.get()}};
}

std::error_code MemoryBackend::preload() noexcept {
    const auto* const mapping = current_.load(std::memory_order_acquire);
    if (!mapping)
        return {};
    const auto size = static_cast<off_t>(mapping->bytes.size());
    for (off_t at = 0; (at = ::lseek(fd_.get(), at, SEEK_DATA)) >= 0 && at < size;) {
        const auto end = std::min(size, ::lseek(fd_.get(), at, SEEK_HOLE));
        if (end < 0)
            return abi::last_error();
        if (end == at) // discarded meanwhile
            continue;
        if (::madvise(mapping->bytes.data() + at, static_cast<std::size_t>(end - at),
                      MADV_POPULATE_READ) < 0)
            return abi::last_error();
        at = end;
    }
    return {};
}

bool MemoryBackend::in_use(const std::string& name) {
    const abi::FileDescriptor file(
        ::open(path_of(checked(name)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    return file && is_claimed(file.get());
}

bool MemoryBackend::remove(const std::string& name) {
    if (remove_segment(checked(name)))
        return true;
    if (errno != ENOENT)
        abi::throw_errno("remove " + path_of(name));
    return false;
}

std::vector<std::string> MemoryBackend::remove_stale() {
    std::vector<std::string> removed;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(segment_folder, error), end;
         !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename();
        unsigned number = 0;
        unsigned long long diskseq = 0;
        if (std::sscanf(name.c_str(), "userblk-%u-%llu", &number, &diskseq) != 2 ||
            name != segment_of(number, diskseq))
            continue;
        try {
            if (abi::read_attributes(number).diskseq == diskseq)
                continue;
        } catch (const abi::NoSuchDevice&) {
        }
        if (remove_segment(name))
            removed.push_back(name);
    }
    return removed;
}

} // namespace userblk
