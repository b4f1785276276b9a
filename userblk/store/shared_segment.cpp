// SPDX-License-Identifier: MIT
#include "userblk/store/shared_segment.hpp"

#include "ioctl/error.hpp"

#include <cstdio>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {

namespace {

std::string user_text(uid_t uid) {
    const auto number = std::to_string(uid);
    const passwd* const user = ::getpwuid(uid);
    return user != nullptr ? std::string(user->pw_name) + " (uid " + number + ")" : "uid " + number;
}

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    abi::throw_error("use " + path + ", which " + why,
                     std::make_error_code(std::errc::operation_not_permitted));
}

void check(const std::string& path, const struct stat& status) {
    if (status.st_uid != ::geteuid())
        refuse(path, "belongs to " + user_text(status.st_uid) + ", not to the serving user, " +
                         user_text(::geteuid()) + "; remove it if unused");
    if (!S_ISREG(status.st_mode))
        refuse(path, "is not a regular file; remove it");
    if ((status.st_mode & 077) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof(mode), "%04o", status.st_mode & 07777);
        refuse(path, "others may open, too (mode " + std::string(mode) +
                         "); chmod 0600 if you trust them not to have changed it");
    }
}

// If the file cannot be opened, its owner, type or mode may say why.
[[noreturn]] void explain(const std::string& path, std::error_code error) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0)
        check(path, status);
    abi::throw_error("open " + path, error);
}

} // namespace

// Opens an existing file without O_CREAT: the system refuses that in sticky folders whatever
// the file's mode (fs.protected_regular), and the error would not name the owner.
abi::FileDescriptor open_segment(const std::string& path) {
    constexpr int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    abi::FileDescriptor file;
    for (int tries = 0; !file && tries < 100; ++tries) { // the file may appear and vanish meanwhile
        file.reset(::open(path.c_str(), flags));
        if (!file && errno == ENOENT)
            file.reset(::open(path.c_str(), flags | O_CREAT | O_EXCL, 0600));
        if (!file && errno != EEXIST && errno != ENOENT)
            explain(path, abi::last_error());
    }
    if (!file)
        abi::throw_errno("open " + path);
    struct stat status {};
    if (::fstat(file.get(), &status) < 0)
        abi::throw_errno("get the status of " + path);
    check(path, status);
    return file;
}

} // namespace userblk
