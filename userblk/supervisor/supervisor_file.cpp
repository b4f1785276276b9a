// SPDX-License-Identifier: MIT
#include "userblk/supervisor/supervisor_file.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <mutex>
#include <pwd.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr const char* default_folder = "/run/userblk";
constexpr mode_t shared_folder_mode = 01777;
constexpr unsigned most_names = 64; ///< that are tried for one process

const char* chosen_folder() {
    const char* const chosen = std::getenv("USERBLK_RUN_DIR");
    return chosen != nullptr && *chosen != '\0' ? chosen : nullptr;
}

std::string folder() {
    const char* const chosen = chosen_folder();
    return chosen != nullptr ? chosen : default_folder;
}

void make_folder() noexcept {
    if (const char* const chosen = chosen_folder(); chosen != nullptr)
        ::mkdir(chosen, 0755);
    else
        make_supervisor_folder();
}

struct flock whole_file(short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

bool is_count(std::string_view text) {
    pid_t count = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    return error == std::errc() && count > 0 && std::to_string(count) == text;
}

// "N.PID" or "N.PID.COUNT".
bool is_name(std::string_view name, std::uint32_t number) {
    const auto prefix = std::to_string(number) + ".";
    if (!name.starts_with(prefix))
        return false;
    name.remove_prefix(prefix.size());
    const auto point = name.find('.');
    return is_count(name.substr(0, point)) &&
           (point == std::string_view::npos || is_count(name.substr(point + 1)));
}

bool is_same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_at(const std::string& path, int fd) {
    struct stat there {
    }, open{};
    return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &there) == 0 &&
           is_same_file(there, open);
}

bool is_member(uid_t uid, gid_t gid) {
    const passwd* const user = ::getpwuid(uid);
    if (user == nullptr)
        return false;
    constexpr int most = 1024;
    std::array<gid_t, most> groups;
    int count = most;
    if (::getgrouplist(user->pw_name, user->pw_gid, groups.data(), &count) < 0)
        return false;
    return std::find(groups.begin(), groups.begin() + count, gid) != groups.begin() + count;
}

// Any user can create files in the folder. Trusts those of users who may serve the device: they
// could do anything else to it, too.
bool may_serve(uid_t uid, std::uint32_t number) {
    if (uid == 0 || uid == ::geteuid())
        return true;
    struct stat node {};
    if (::stat(abi::control_path(number).c_str(), &node) < 0 || !S_ISCHR(node.st_mode))
        return false;
    constexpr mode_t for_group = S_IRGRP | S_IWGRP, for_others = S_IROTH | S_IWOTH;
    return uid == node.st_uid || (node.st_mode & for_others) == for_others ||
           ((node.st_mode & for_group) == for_group && is_member(uid, node.st_gid));
}

// The files of this process. A process cannot see its own locks, and would lose one by opening and
// closing its file.
class OwnFiles {
public:
    void add(const std::string& path) {
        const std::lock_guard guard(mutex_);
        files_.push_back({::getpid(), path});
    }
    void remove(const std::string& path) {
        const std::lock_guard guard(mutex_);
        std::erase_if(files_, [&](const auto& file) { return file.path == path; });
    }
    bool contain(const std::string& path) {
        const std::lock_guard guard(mutex_);
        return std::any_of(files_.begin(), files_.end(), [&](const auto& file) {
            return file.pid == ::getpid() && file.path == path;
        });
    }

private:
    std::mutex mutex_;
    std::vector<Announcement> files_;
};

OwnFiles& own_files() {
    static OwnFiles files;
    return files;
}

// The lock keeps supervisors that are about to use the file from doing so: they lock it before
// they check that it is still there.
bool remove_unlocked(const std::string& path, int fd) {
    auto lock = whole_file(F_WRLCK);
    return ::fcntl(fd, F_SETLK, &lock) == 0 && is_at(path, fd) && ::unlink(path.c_str()) == 0;
}

// Opening must not block, even on a pipe that another user has put there.
abi::FileDescriptor open_file(const std::string& path) {
    constexpr int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    abi::FileDescriptor fd(::open(path.c_str(), O_RDWR | flags));
    if (!fd)
        fd.reset(::open(path.c_str(), O_RDONLY | flags));
    return fd;
}

// Removes a file that no supervisor has locked; false if it could not be removed.
bool remove_dead(const std::string& path) {
    if (own_files().contain(path))
        return false;
    const auto fd = open_file(path);
    struct stat about {};
    return fd && ::fstat(fd.get(), &about) == 0 && S_ISREG(about.st_mode) &&
           remove_unlocked(path, fd.get());
}

// Appends the supervisor whose file this is, if it lives. Unlike those of flock(2), these locks
// belong to a process: the children of a dead supervisor do not hold it. Any user who may read a
// file can lock it against writers, so only locks against readers count.
void add_if_alive(const std::string& path, std::uint32_t number, std::vector<Announcement>& found) {
    if (own_files().contain(path))
        return found.push_back({::getpid(), path});
    const auto fd = open_file(path);
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) < 0 || !S_ISREG(about.st_mode))
        return;
    auto lock = whole_file(F_RDLCK);
    if (::fcntl(fd.get(), F_GETLK, &lock) < 0)
        return;
    if (lock.l_type == F_UNLCK)
        remove_unlocked(path, fd.get());
    else if (lock.l_pid >= 0 && may_serve(about.st_uid, number)) // -1: a lock of no process
        found.push_back({lock.l_pid, path});
}

} // namespace

SupervisorFile::SupervisorFile(std::uint32_t number) : owner_(::getpid()) {
    make_folder();
    const auto first = folder() + "/" + std::to_string(number) + "." + std::to_string(owner_);
    path_ = first;
    for (unsigned tries = 1; (error_ = make(path_)) == std::errc::file_exists; ++tries) {
        if (tries == most_names)
            return;
        path_ = first + "." + std::to_string(tries);
    }
    if (!error_)
        own_files().add(path_);
}

// EEXIST: a living supervisor or another user's file has the name, or another process removed the
// file before it was locked.
std::error_code SupervisorFile::make(const std::string& path) {
    const auto taken = std::make_error_code(std::errc::file_exists);
    constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    fd_.reset(::open(path.c_str(), flags, 0644));
    if (!fd_ && errno == EEXIST) {
        if (!remove_dead(path))
            return taken;
        fd_.reset(::open(path.c_str(), flags, 0644));
    }
    if (!fd_)
        return abi::last_error();
    auto lock = whole_file(F_WRLCK);
    std::error_code error;
    if (::fcntl(fd_.get(), F_SETLK, &lock) < 0)
        error = errno == EAGAIN || errno == EACCES ? taken : abi::last_error();
    else if (!is_at(path, fd_.get()))
        error = taken;
    if (error)
        fd_.reset();
    return error;
}

SupervisorFile::~SupervisorFile() {
    if (!fd_ || owner_ != ::getpid())
        return;
    own_files().remove(path_);
    ::unlink(path_.c_str());
}

std::vector<Announcement> announcements_of(std::uint32_t number) {
    std::vector<Announcement> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder(), error), end; !error && entry != end;
         entry.increment(error))
        if (is_name(entry->path().filename().native(), number))
            add_if_alive(entry->path(), number, found);
    std::sort(found.begin(), found.end(),
              [](const Announcement& a, const Announcement& b) { return a.pid < b.pid; });
    return found;
}

std::vector<pid_t> supervisors_of(std::uint32_t number) {
    std::vector<pid_t> pids;
    for (const auto& announcement : announcements_of(number))
        if (announcement.pid > 0)
            pids.push_back(announcement.pid);
    return pids;
}

// Earlier versions created the folder for root alone.
void make_supervisor_folder() noexcept {
    ::mkdir(default_folder, shared_folder_mode);
    const abi::FileDescriptor fd(
        ::open(default_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    struct stat about {};
    if (fd && ::fstat(fd.get(), &about) == 0 && about.st_uid == ::geteuid() &&
        (about.st_mode & ALLPERMS) != shared_folder_mode)
        ::fchmod(fd.get(), shared_folder_mode);
}

} // namespace userblk
