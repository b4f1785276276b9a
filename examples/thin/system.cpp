// SPDX-License-Identifier: MIT
#include "system.hpp"

#include "ioctl/error.hpp"

#include <fcntl.h>
#include <filesystem>
#include <random>
#include <unistd.h>

namespace thin {

void fail(const std::string& what) {
    userblk::abi::throw_errno(what);
}

FileDescriptor open_file(const std::string& path, int flags, unsigned mode) {
    return FileDescriptor::open(path.c_str(), flags, mode);
}

void write_all(int fd, std::span<const std::byte> data, std::uint64_t offset) {
    while (!data.empty()) {
        const auto written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            fail("write");
        data = data.subspan(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
}

void sync_data(int fd) {
    if (::fdatasync(fd) < 0)
        fail("sync data");
}

void sync_folder(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    const auto fd = open_file(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (::fsync(fd.get()) < 0)
        fail("sync " + folder.string());
}

namespace {

void set_lock(int fd, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_len = 1;
    while (::fcntl(fd, F_OFD_SETLKW, &lock) < 0)
        if (errno != EINTR)
            fail("lock the block map");
}

} // namespace

void lock_file(int fd) {
    set_lock(fd, F_WRLCK);
}

void unlock_file(int fd) {
    set_lock(fd, F_UNLCK);
}

std::uint64_t random_number() {
    std::random_device device;
    return std::uint64_t(device()) << 32 | device();
}

} // namespace thin
