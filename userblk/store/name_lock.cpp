// SPDX-License-Identifier: MIT
#include "userblk/store/name_lock.hpp"

#include "userblk/store/store_lock.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {

namespace {

// Reading suffices for a lock. The folder is sticky: an open with O_CREAT of another user's file
// would fail there.
int open_or_create(const char* path) noexcept {
    constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int fd = ::open(path, flags);
    if (fd >= 0)
        return fd;
    const int created = ::open(path, flags | O_CREAT | O_EXCL, 0644);
    return created >= 0 ? created : ::open(path, flags); // somebody else has created it
}

} // namespace

abi::FileDescriptor open_lock_file(const std::string& identity) noexcept {
    try {
        const char* const chosen = std::getenv("USERBLK_RUN_DIR");
        const std::string folder = chosen != nullptr && *chosen != '\0' ? chosen : "/run/userblk";
        const auto path = folder + "/store." + std::to_string(store_number(identity));
        abi::FileDescriptor fd(open_or_create(path.c_str()));
        struct stat about {};
        if (fd && ::fstat(fd.get(), &about) == 0 && S_ISREG(about.st_mode) &&
            (about.st_uid == 0 || about.st_uid == ::geteuid()))
            return fd;
    } catch (...) {
        // Not enough memory: no lock.
    }
    return {};
}

} // namespace userblk
