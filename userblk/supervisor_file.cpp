// SPDX-License-Identifier: MIT
#include "userblk/supervisor_file.hpp"

#include "ioctl/error.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <unistd.h>

namespace userblk {

namespace {

std::string folder() {
    const char* const chosen = std::getenv("USERBLK_RUN_DIR");
    return chosen != nullptr && *chosen != '\0' ? chosen : "/run/userblk";
}

struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

std::string name_of(std::uint32_t number, pid_t pid) {
    return std::to_string(number) + "." + std::to_string(pid);
}

// The supervisor of device @p number whose file has this name; nothing if it is another's, or
// anything else that lies there. 0 and negative numbers would be groups of processes.
std::optional<pid_t> pid_in(const std::string& name, std::uint32_t number) {
    const auto point = name.find('.');
    pid_t pid = 0;
    if (point != std::string::npos)
        std::from_chars(name.data() + point + 1, name.data() + name.size(), pid);
    return pid > 0 && name == name_of(number, pid) ? std::optional(pid) : std::nullopt;
}

// Who holds the lock on a file; 0: nobody. Unlike flock(2)'s, these locks belong
// to a process: the children of a dead supervisor do not hold it.
pid_t holder_of(const std::string& path) {
    const abi::FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    auto lock = whole_file();
    if (!fd || ::fcntl(fd.get(), F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid;
}

} // namespace

SupervisorFile::SupervisorFile(std::uint32_t number) : owner_(::getpid()) {
    std::error_code ignored;
    std::filesystem::create_directory(folder(), ignored);
    path_ = folder() + "/" + name_of(number, owner_);
    fd_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    auto lock = whole_file();
    if (!fd_ || ::fcntl(fd_.get(), F_SETLK, &lock) < 0)
        error_ = abi::last_error();
}

SupervisorFile::~SupervisorFile() {
    if (fd_ && owner_ == ::getpid())
        ::unlink(path_.c_str());
}

std::vector<pid_t> supervisors_of(std::uint32_t number) {
    std::vector<pid_t> result;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder(), error), end; !error && entry != end;
         entry.increment(error)) {
        const auto pid = pid_in(entry->path().filename(), number);
        if (!pid)
            continue;
        // A process does not see its own lock.
        const bool alive = *pid == ::getpid() || holder_of(entry->path()) == *pid;
        if (alive)
            result.push_back(*pid);
        else if (::kill(*pid, 0) < 0 && errno == ESRCH) // not one that is about to lock it
            ::unlink(entry->path().c_str());
    }
    std::sort(result.begin(), result.end());
    return result;
}

} // namespace userblk
