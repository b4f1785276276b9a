// SPDX-License-Identifier: MIT
#include "store.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace thin {

namespace {

// Byte offsets for locks, far behind any data: one for processes that have the store open,
// and one per device for those that serve it.
constexpr std::uint64_t opens = std::uint64_t(1) << 61;
constexpr std::uint64_t claims = opens + 1;
constexpr std::uint64_t most_claims = std::uint64_t(1) << 60;

struct stat status_of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        fail("get the status of the store");
    return status;
}

struct flock range_lock(short type, std::uint64_t offset, std::uint64_t length) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_start = static_cast<off_t>(offset);
    lock.l_len = static_cast<off_t>(length);
    return lock;
}

} // namespace

Store::Store(const std::string& path, bool read_only) {
    namespace fs = std::filesystem;
    const auto status = fs::status(path);
    block_device_ = fs::is_block_file(status);
    if (fs::exists(status) && !block_device_ && !fs::is_regular_file(status))
        throw std::invalid_argument(path + " is neither a regular file nor a block device");
    fd_ = open_file(path, read_only ? O_RDONLY : O_RDWR);
}

std::uint64_t Store::size() const {
    const auto end = ::lseek(fd(), 0, SEEK_END); // works for files and block devices
    if (end < 0)
        fail("determine the size of the store");
    return static_cast<std::uint64_t>(end);
}

std::uint64_t Store::allocated() const {
    return static_cast<std::uint64_t>(status_of(fd()).st_blocks) * 512;
}

// False if the file system or device does not support it.
bool Store::allocate(int mode, std::uint64_t offset, std::uint64_t length) {
    for (;;) {
        if (::fallocate(fd(), mode, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0)
            return true;
        if (errno == EOPNOTSUPP || errno == ENOSYS || errno == ENODEV)
            return false;
        if (errno != EINTR)
            fail("reserve space in the store");
    }
}

void Store::zero(std::uint64_t offset, std::uint64_t length) {
    // A block device cannot grow: use KEEP_SIZE.
    const int keep = block_device_ ? FALLOC_FL_KEEP_SIZE : 0;
    if (allocate(FALLOC_FL_ZERO_RANGE | keep, offset, length))
        return;
    if (!block_device_ && allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) &&
        allocate(0, offset, length))
        return;
    write_zeros(offset, length);
}

void Store::write_zeros(std::uint64_t offset, std::uint64_t length) {
    const std::vector<std::byte> zeros(std::min<std::uint64_t>(length, 1 << 20));
    for (std::uint64_t done = 0; done < length; done += zeros.size())
        write_all(fd(), std::span(zeros).first(std::min(zeros.size(), length - done)),
                  offset + done);
}

void Store::give_back(std::uint64_t offset, std::uint64_t length) noexcept {
    const auto start = static_cast<off_t>(offset);
    const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    while (::fallocate(fd(), mode, start, static_cast<off_t>(length)) < 0 && errno == EINTR) {
    }
}

void Store::reach(std::uint64_t wanted) {
    if (!block_device_ && size() < wanted && ::ftruncate(fd(), static_cast<off_t>(wanted)) < 0)
        fail("extend the store");
}

bool Store::is_locked(std::uint64_t offset, std::uint64_t length) const {
    auto lock = range_lock(F_WRLCK, offset, length);
    if (::fcntl(fd(), F_OFD_GETLK, &lock) < 0)
        fail("check for other servers of the store");
    return lock.l_type != F_UNLCK;
}

void Store::lock(std::uint64_t offset) {
    auto lock = range_lock(F_RDLCK, offset, 1);
    if (::fcntl(fd(), F_OFD_SETLK, &lock) < 0)
        fail("lock the store");
}

bool Store::is_open_elsewhere() const {
    return is_locked(opens, 1);
}

void Store::mark_open() {
    lock(opens);
}

// Locks first and checks then: of two concurrent claims, none is missed.
bool Store::claim(std::uint64_t diskseq) {
    const auto mine = claims + 1 + diskseq % (most_claims - 2);
    lock(mine);
    return !is_locked(claims, mine - claims) &&
           !is_locked(mine + 1, claims + most_claims - mine - 1);
}

} // namespace thin
