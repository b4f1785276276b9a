// SPDX-License-Identifier: MIT
#include "userblk/store/file_io.hpp"

#include "ioctl/error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

namespace userblk {

std::error_code read_fully(int fd, std::span<std::byte> data, std::uint64_t offset) noexcept {
    while (!data.empty()) {
        const auto done = ::pread(fd, data.data(), data.size(), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return abi::last_error();
        if (done == 0)
            return std::make_error_code(std::errc::io_error);
        data = data.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
    return {};
}

std::error_code write_fully(int fd, std::span<const std::byte> data, std::uint64_t offset,
                            bool durable) noexcept {
    int flags = durable ? RWF_DSYNC : 0;
    while (!data.empty()) {
        // pwritev2 does not modify the buffer.
        const iovec piece{const_cast<std::byte*>(data.data()), data.size()};
        const auto done = ::pwritev2(fd, &piece, 1, static_cast<off_t>(offset), flags);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && flags != 0 && is_unsupported(abi::last_error())) {
            flags = 0; // sync at the end instead
            continue;
        }
        if (done < 0)
            return abi::last_error();
        if (done == 0)
            return std::make_error_code(std::errc::io_error);
        data = data.subspan(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
    return durable && flags == 0 ? sync_data(fd) : std::error_code();
}

std::error_code allocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) noexcept {
    while (::fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) < 0)
        if (errno != EINTR)
            return abi::last_error();
    return {};
}

std::error_code sync_data(int fd) noexcept {
    while (::fdatasync(fd) < 0)
        if (errno != EINTR)
            return abi::last_error();
    return {};
}

std::string file_identity(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        abi::throw_errno("get the status of a store");
    const auto place = [](const char* kind, dev_t device) {
        return std::string(kind) + std::to_string(major(device)) + ":" +
               std::to_string(minor(device));
    };
    return S_ISBLK(status.st_mode)
               ? place("block:", status.st_rdev)
               : place("file:", status.st_dev) + ":" + std::to_string(status.st_ino);
}

bool is_unsupported(std::error_code error) noexcept {
    return error == std::errc::operation_not_supported || error == std::errc::not_supported ||
           error == std::errc::function_not_supported ||
           error == std::errc::inappropriate_io_control_operation;
}

} // namespace userblk
