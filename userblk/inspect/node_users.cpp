// SPDX-License-Identifier: MIT
#include "userblk/inspect/node_users.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/inspect/process_tree.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/os/worker_name.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk::inspect {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string folder_of(pid_t pid) {
    return "/proc/" + std::to_string(pid);
}

std::string program_of(pid_t pid) {
    std::ifstream file(folder_of(pid) + "/comm");
    std::string name(std::istreambuf_iterator<char>(file), {}); // any content
    if (name.ends_with('\n'))
        name.pop_back();
    return name;
}

std::optional<dev_t> node_device(std::uint32_t number) {
    struct stat node {};
    if (::stat(abi::control_path(number).c_str(), &node) < 0 || !S_ISCHR(node.st_mode))
        return std::nullopt;
    return node.st_rdev;
}

// Nothing: the caller may not see it.
std::optional<bool> has_open(pid_t pid, dev_t device) {
    std::error_code error;
    for (fs::directory_iterator entry(folder_of(pid) + "/fd", error), end; !error && entry != end;
         entry.increment(error)) {
        struct stat file {};
        if (::stat(entry->path().c_str(), &file) == 0 && S_ISCHR(file.st_mode) &&
            file.st_rdev == device)
            return true;
    }
    if (error)
        return std::nullopt;
    return false;
}

std::vector<pid_t> all_processes() {
    std::vector<pid_t> pids;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = entry->path().filename().string();
        pid_t pid = 0;
        const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (bad == std::errc() && rest == name.data() + name.size())
            pids.push_back(pid);
    }
    std::sort(pids.begin(), pids.end());
    return pids;
}

bool run_the_same(pid_t one, pid_t other) {
    struct stat a {
    }, b{};
    return ::stat((folder_of(one) + "/exe").c_str(), &a) == 0 &&
           ::stat((folder_of(other) + "/exe").c_str(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

// Whether a supervisor has executed this process. True if its environment cannot be read or is
// empty: during an exec it is empty for a moment.
bool may_continue_supervisor(pid_t pid) {
    std::ifstream file(folder_of(pid) + "/environ");
    std::string environment(std::istreambuf_iterator<char>(file), {});
    const auto entry = std::string(handover_variable) + "=";
    return environment.empty() || environment.starts_with(entry) ||
           environment.find('\0' + entry) != std::string::npos;
}

// Supervisors have the node open and run the same program; the process that inherits their orphans
// does neither. During a reload's exec a supervisor may do neither, but its new environment shows
// what it is, and exec sets that before it closes the node: so it is read last. A worker whose
// parent is not visible may have an invisible supervisor.
bool is_left_behind(const NodeUser& user, std::uint32_t number, dev_t device) {
    return is_worker_name(user.program, number) && user.parent > 0 &&
           has_open(user.parent, device) == false && !run_the_same(user.pid, user.parent) &&
           !may_continue_supervisor(user.parent);
}

std::optional<NodeUser> node_user(pid_t pid, std::uint32_t number, dev_t device) {
    if (has_open(pid, device) != true)
        return std::nullopt;
    NodeUser user{pid, parent_of(pid), program_of(pid)};
    user.left_behind = is_left_behind(user, number, device);
    return user;
}

// Checks again with the descriptor open: from then on the pid cannot be reused.
abi::FileDescriptor hold_left_behind(pid_t pid, std::uint32_t number, dev_t device) {
    auto held = open_pidfd(pid);
    const auto user = held ? node_user(pid, number, device) : std::nullopt;
    if (!user || !user->left_behind)
        held.reset();
    return held;
}

} // namespace

std::vector<NodeUser> node_users(std::uint32_t number) {
    std::vector<NodeUser> users;
    const auto device = node_device(number);
    for (const auto pid : device ? all_processes() : std::vector<pid_t>())
        if (pid != ::getpid())
            if (const auto user = node_user(pid, number, *device))
                users.push_back(*user);
    return users;
}

std::vector<pid_t> left_behind(const std::vector<NodeUser>& users) {
    std::vector<pid_t> pids;
    for (const auto& user : users)
        if (user.left_behind)
            pids.push_back(user.pid);
    return pids;
}

std::size_t end_left_behind(std::uint32_t number, std::chrono::nanoseconds limit) {
    const auto end = after(Clock::now(), std::chrono::ceil<std::chrono::milliseconds>(limit));
    const auto device = node_device(number);
    std::vector<pollfd> entries;
    std::vector<abi::FileDescriptor> held;
    for (const auto pid : left_behind(node_users(number))) {
        auto worker = hold_left_behind(pid, number, *device);
        if (!worker || signal_pidfd(worker.get(), SIGTERM) < 0)
            continue;
        entries.push_back({worker.get(), POLLIN, 0});
        held.push_back(std::move(worker));
    }
    while (!entries.empty() && Clock::now() < end) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
        constexpr std::chrono::milliseconds longest = std::chrono::hours(1);
        ::poll(entries.data(), entries.size(), static_cast<int>(std::min(left, longest).count()));
        std::erase_if(entries, [](const pollfd& entry) { return entry.revents != 0; });
    }
    return entries.size();
}

std::string pids_text(const std::vector<pid_t>& pids) {
    std::string text;
    for (const auto pid : pids)
        text += (text.empty() ? "" : ", ") + std::to_string(pid);
    return text;
}

} // namespace userblk::inspect
