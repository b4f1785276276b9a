// SPDX-License-Identifier: MIT
#include "userblk/ctl/reload_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/process_tree.hpp"
#include "userblk/supervisor_file.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <thread>

namespace userblk::ctl {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto default_limit = 2min;
constexpr auto look_every = 50ms;

// Supervisors, each with the workers that it had before.
using Old = std::map<pid_t, std::set<pid_t>>;

Old ask(std::uint32_t number) {
    Old old;
    for (const auto pid : supervisors_of(number))
        old[pid] = children_of(pid);
    if (old.empty() && !announcements_of(number).empty())
        throw Failure("the supervisor of " + abi::disk_name(number) +
                      " is in a PID namespace that cannot be seen from here; reload there");
    if (old.empty())
        throw Failure(abi::disk_name(number) +
                      " has no supervisor that could reload; to serve it by new workers start "
                      "userblkctl serve again and end the old ones with SIGTERM");
    for (const auto& [pid, workers] : old)
        if (::kill(pid, SIGHUP) < 0)
            throw Failure("unable to signal the supervisor, process " + std::to_string(pid) + ": " +
                          std::strerror(errno));
    return old;
}

// What the children of the supervisors are, by comparison with before.
struct Progress {
    std::size_t old_workers = 0;
    std::size_t new_workers = 0;
    bool done = true; ///< new ones in place of all old ones
};

Progress look_at(const Old& old) {
    Progress progress;
    for (const auto& [pid, before] : old) {
        const auto now = children_of(pid);
        if (now.empty() && !is_alive(pid))
            throw Failure("the supervisor, process " + std::to_string(pid) +
                          ", has ended; its log tells why. Its workers serve on, but nobody "
                          "starts new ones: start userblkctl serve again");
        const auto left = static_cast<std::size_t>(std::count_if(
            before.begin(), before.end(), [&](pid_t worker) { return now.contains(worker); }));
        progress.old_workers += left;
        progress.new_workers += now.size() - left;
        progress.done &= left == 0 && !now.empty();
    }
    return progress;
}

// Where no new workers stay, they do not start: then the old ones go on.
class Patience {
public:
    void look(const Progress& progress) {
        // One that is seen once may have come only to fail.
        const bool stay = progress.new_workers > 0 && seen_;
        seen_ = progress.new_workers > 0;
        if (stay || progress.old_workers == 0)
            since_ = Clock::now();
        if (Clock::now() - since_ >= limit)
            throw Failure("the new workers do not start, so the old ones go on; the supervisor's "
                          "log tells why");
    }

private:
    static constexpr auto limit = 3s;
    bool seen_ = false;
    Clock::time_point since_ = Clock::now();
};

} // namespace

std::string ReloadCommand::details() const {
    return "The new workers are those of the program as it is installed now. Waits until they "
           "serve and the old ones have answered what they had taken and ended.";
}

void ReloadCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.time("-t,--timeout", timeout_, "Fail after TIME; default 2min");
}

int ReloadCommand::run() {
    const auto number = abi::find_device(device_);
    const auto limit = timeout_.value_or(default_limit);
    const auto start = Clock::now();
    const auto old = ask(number);
    Patience patience;
    for (auto progress = look_at(old); !progress.done; progress = look_at(old)) {
        patience.look(progress);
        if (limit != infinity && Clock::now() - start >= limit)
            throw Failure(abi::disk_name(number) + " still has " +
                          counted(progress.old_workers, "old worker") + " after " +
                          format_duration(limit) +
                          ", busy with what they had taken or because the new ones did not start; "
                          "the supervisor's log tells");
        std::this_thread::sleep_for(look_every);
    }
    return exit_success;
}

} // namespace userblk::ctl
