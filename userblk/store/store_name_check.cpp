// SPDX-License-Identifier: MIT
#include "userblk/store/store_name_check.hpp"

#include "ioctl/error.hpp"
#include "userblk/store/file_io.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/openat2.h>
#include <optional>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace userblk {

namespace {

std::string link_of(int fd) {
    return "/proc/self/fd/" + std::to_string(fd);
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
abi::FileDescriptor find_in_memory(const std::string& path) noexcept {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_CACHED;
    return abi::FileDescriptor(
        static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
}

// Nothing: an error that says nothing about the name.
std::optional<StoreName> state_after(int error) noexcept {
    return error == ENOENT || error == ENOTDIR ? std::optional(StoreName::removed) : std::nullopt;
}

// However long that takes. A new symbolic link needs this, too: its file system records that it is
// followed.
std::optional<StoreName> look_up_at_once(const struct statx& held, const char* path) noexcept {
    struct statx there {};
    if (::statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &there) < 0)
        return state_after(errno);
    return is_same(held, there) ? StoreName::same : StoreName::replaced;
}

// However long it waits, it has nothing open of what its parent has, and any signal ends it.
[[noreturn]] void run_lookup(const struct statx& held, const char* path, int result) noexcept {
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::dup2(result, 0);
    ::close_range(1, ~0U, 0);
    if (const auto name = look_up_at_once(held, path)) {
        const auto byte = static_cast<char>(*name);
        [[maybe_unused]] const auto sent = ::write(0, &byte, 1);
    }
    ::_exit(0);
}

} // namespace

std::optional<StoreName> StoreNameCheck::check() {
    const auto held = fd_ < 0 || path_.empty() ? std::nullopt : status_of(fd_);
    if (!held)
        return StoreName::same;
    const auto found = find_in_memory(path_);
    if (const auto there = found ? status_of(found.get()) : std::nullopt) {
        lookup_.reset();
        return is_same(*held, *there) ? StoreName::same : StoreName::replaced;
    }
    if (const auto state = found ? std::nullopt : state_after(errno)) {
        lookup_.reset();
        return state;
    }
    if (!lookup_)
        look_up(*held);
    return std::nullopt;
}

// By a grandchild: however long it waits, this process has no child more, and can execute another
// program.
void StoreNameCheck::look_up(const struct statx& held) noexcept {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    abi::FileDescriptor ours(ends[0]);
    const abi::FileDescriptor theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (::fork() == 0)
            run_lookup(held, path_.c_str(), theirs.get());
        ::_exit(0);
    }
    if (pid < 0)
        return;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    lookup_ = std::move(ours);
}

std::optional<StoreName> StoreNameCheck::result() noexcept {
    char byte = 0;
    const auto size = ::read(lookup_.get(), &byte, 1);
    if (size < 0 && errno == EAGAIN)
        return std::nullopt;
    lookup_.reset();
    return size == 1 ? std::optional(static_cast<StoreName>(byte)) : std::nullopt;
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
