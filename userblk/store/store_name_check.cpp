// SPDX-License-Identifier: MIT
#include "userblk/store/store_name_check.hpp"

#include "ioctl/error.hpp"
#include "userblk/store/file_io.hpp"

#include <array>
#include <fcntl.h>
#include <linux/openat2.h>
#include <optional>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace userblk {

namespace {

std::string link_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
}

std::string kernels_name(int fd) {
    std::array<char, 4097> name{};
    const auto length = ::readlink(link_of(fd).c_str(), name.data(), name.size() - 1);
    return length < 0 ? std::string() : std::string(name.data(), static_cast<std::size_t>(length));
}

// From the kernel's caches; does not query a file server.
std::optional<struct statx> status_of(int fd) noexcept {
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) < 0)
        return std::nullopt;
    return status;
}

bool is_same(const struct statx& a, const struct statx& b) noexcept {
    if (S_ISBLK(a.stx_mode) || S_ISBLK(b.stx_mode))
        return S_ISBLK(a.stx_mode) && S_ISBLK(b.stx_mode) && a.stx_rdev_major == b.stx_rdev_major &&
               a.stx_rdev_minor == b.stx_rdev_minor;
    return a.stx_dev_major == b.stx_dev_major && a.stx_dev_minor == b.stx_dev_minor &&
           a.stx_ino == b.stx_ino;
}

// Succeeds only if the kernel has the whole path cached; EAGAIN otherwise.
abi::FileDescriptor find_in_memory(int folder, const std::string& path) noexcept {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED;
    return abi::FileDescriptor(
        static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how))));
}

std::size_t last_slash(const std::string& path) noexcept {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? 0 : slash;
}

// The file was just opened from there, so this does not wait for long.
int open_folder(int fd, const std::string& path) noexcept {
    if (fd < 0 || path.empty() || path.front() != '/')
        return -1;
    return ::open((path.substr(0, last_slash(path)) + "/").c_str(),
                  O_PATH | O_DIRECTORY | O_CLOEXEC);
}

} // namespace

StoreNameCheck::StoreNameCheck(int fd, std::string path)
    : fd_(fd), path_(std::move(path)), first_name_(fd < 0 ? std::string() : kernels_name(fd)),
      folder_(open_folder(fd, path_)), folder_name_(folder_ ? kernels_name(folder_.get()) : "") {}

StoreName StoreNameCheck::check() const {
    const auto held = fd_ < 0 || path_.empty() ? std::nullopt : status_of(fd_);
    if (!held)
        return StoreName::same;
    auto found = find_in_memory(AT_FDCWD, path_);
    // Some file systems on the path, mostly network ones, query their server for every name.
    if (!found && errno == EAGAIN && folder_ && kernels_name(folder_.get()) == folder_name_)
        found = find_in_memory(folder_.get(), path_.substr(last_slash(path_) + 1));
    if (found) {
        const auto there = status_of(found.get());
        return !there || is_same(*held, *there) ? StoreName::same : StoreName::replaced;
    }
    if (errno == ENOENT || errno == ENOTDIR)
        return StoreName::removed;
    // The kernel keeps an open file in memory together with its name.
    return kernels_name(fd_) == first_name_ ? StoreName::same : StoreName::removed;
}

abi::FileDescriptor open_again(int fd, const std::string& path, int flags) {
    abi::FileDescriptor file(::open(link_of(fd).c_str(), flags | O_CLOEXEC));
    if (file)
        return file;
    const auto error = abi::last_error();
    if (::access("/proc/self/fd", F_OK) == 0)
        abi::throw_error("open again what was opened as " + path, error);
    file = abi::FileDescriptor::open(path.c_str(), flags | O_NONBLOCK);
    if (file_identity(file.get()) != file_identity(fd))
        throw std::runtime_error(path + " is not the file that is served, which cannot be found "
                                        "without /proc; restore that file, or reload to switch to "
                                        "this one");
    return file;
}

} // namespace userblk
