// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/reload_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/format/service_state.hpp"
#include "userblk/inspect/node_users.hpp"
#include "userblk/inspect/process_tree.hpp"
#include "userblk/supervisor/reload_socket.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <memory>
#include <system_error>
#include <thread>

namespace userblk::ctl {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto default_limit = 2min;
constexpr auto poll_interval = 50ms;

// The supervisors, each with its workers from before the reload.
using OldWorkers = std::map<pid_t, std::set<pid_t>>;

OldWorkers signal_supervisors(std::uint32_t number) {
    OldWorkers old;
    for (const auto pid : supervisors_of(number))
        old[pid] = inspect::children_of(pid);
    if (old.empty() && !announcements_of(number).empty())
        throw Failure("the supervisor of " + abi::disk_name(number) +
                      " is in a PID namespace not visible from here; reload there");
    if (old.empty())
        throw Failure(abi::disk_name(number) +
                      " has no supervisor to reload it; start userblkctl serve with its current "
                      "store, then reload to replace the old workers. To switch to another store, "
                      "stop them first (userblkctl info " +
                      std::to_string(number) + " lists them)");
    for (const auto& [pid, workers] : old)
        if (::kill(pid, SIGHUP) < 0)
            throw Failure("unable to signal the supervisor, process " + std::to_string(pid) + ": " +
                          std::strerror(errno));
    return old;
}

// The children of the supervisors, compared with those from before the reload.
struct Progress {
    std::size_t old_workers = 0;
    std::size_t new_workers = 0;
    bool done = true; ///< new workers have replaced all old ones
};

Progress progress_since(const OldWorkers& old) {
    Progress progress;
    for (const auto& [pid, before] : old) {
        const auto now = inspect::children_of(pid);
        if (now.empty() && !inspect::is_alive(pid))
            throw Failure("the supervisor, process " + std::to_string(pid) +
                          ", has exited; see its log. Its workers still serve, but nothing "
                          "starts new ones: start userblkctl serve again");
        const auto left = static_cast<std::size_t>(std::count_if(
            before.begin(), before.end(), [&](pid_t worker) { return now.contains(worker); }));
        progress.old_workers += left;
        progress.new_workers += now.size() - left;
        progress.done &= left == 0 && !now.empty();
    }
    return progress;
}

// If no new worker stays, the new program fails to start; then the old workers continue.
class StartFailureDetector {
public:
    void check(const Progress& progress) {
        // A worker seen only once may be about to fail.
        const bool stay = progress.new_workers > 0 && seen_;
        seen_ = progress.new_workers > 0;
        if (stay || progress.old_workers == 0)
            since_ = Clock::now();
        if (Clock::now() - since_ >= limit)
            throw Failure("the new workers do not start, so the old ones continue; see the "
                          "supervisor's log");
    }

private:
    static constexpr auto limit = 3s;
    bool seen_ = false;
    Clock::time_point since_ = Clock::now();
};

// The reload of one supervisor: its messages until the reload is over.
class PendingReload {
public:
    PendingReload(const Announcement& supervisor, const std::vector<std::string>& change)
        : pid_(supervisor.pid), request_(supervisor.path, supervisor.pid, change) {}

    /// False: timeout.
    bool wait_done(Clock::time_point end) {
        while (!done_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
            if (left.count() <= 0)
                return false;
            if (const auto event = request_.wait(std::min<std::chrono::milliseconds>(left, 1h)))
                on_event(*event);
        }
        return true;
    }
    bool begun() const noexcept { return begun_; }

private:
    void on_event(const ReloadEvent& event) {
        if (event.kind == ReloadEvent::Kind::failed)
            throw Failure(event.text.empty()
                              ? "the supervisor, process " + std::to_string(pid_) +
                                    ", has exited; see its log. Its workers still serve, but "
                                    "nothing starts new ones: start userblkctl serve again"
                              : "reload failed, the old workers continue: " + event.text);
        begun_ = true;
        done_ = event.kind == ReloadEvent::Kind::done;
    }

    pid_t pid_;
    ReloadRequest request_;
    bool begun_ = false, done_ = false;
};

Clock::time_point end_of(std::chrono::nanoseconds limit) {
    return limit > 24h * 365 ? Clock::time_point::max() - 24h : Clock::now() + limit;
}

// Memory without a name is new and empty, and null: keeps nothing.
bool has_no_data(const BackendSpec& store) {
    return store.kind() == BackendSpec::Kind::null ||
           (store.kind() == BackendSpec::Kind::memory && store.argument().empty());
}

bool is_same_store(const std::string& text, const BackendSpec& store) {
    try {
        const auto served = BackendSpec::parse(text);
        return served.kind() == store.kind() && served.argument() == store.argument();
    } catch (const std::invalid_argument&) {
        return false; // of another driver
    }
}

// A reload must not pull the data out from under a file system.
void check_store(std::uint32_t number, const std::vector<std::string>& change) {
    if (change.empty() || change.front().empty())
        return;
    const auto store = BackendSpec::parse(change.front());
    if (!has_no_data(store))
        return;
    const auto records = serving_records(number, 0);
    const bool same = std::any_of(records.begin(), records.end(), [&](const auto& record) {
        return is_same_store(record.store, store);
    });
    if (!same)
        throw Failure(store.text() + " does not have the data of " + abi::disk_name(number) +
                      ", which would become empty; expected a store with the same data, such as "
                      "mem:NAME or file:PATH");
}

} // namespace

std::string ReloadCommand::details() const {
    return "The new workers run the program as it is installed now, with the options given to "
           "serve, except for those given here; --redirect=false reverts an option. STORE must "
           "have the same data as the current store. Waits until the new workers serve and the "
           "old ones have answered what they had taken and exited. If the new ones do not start, "
           "the old ones continue with their options.";
}

void ReloadCommand::declare(CommandLine& line) {
    line.argument("DEV", device_, dev_help);
    line.time("-t,--timeout", timeout_, "Fail after TIME; default 2min");
    serve_options_.declare_change(line);
}

// Supervisors of earlier builds, and those without a socket, get the signal.
bool ReloadCommand::reload_by_socket(std::uint32_t number, std::chrono::nanoseconds limit) const {
    const auto change = serve_options_.change();
    const auto supervisors = announcements_of(number);
    std::vector<std::unique_ptr<PendingReload>> reloads;
    const auto end = end_of(limit);
    for (const auto& supervisor : supervisors) {
        try {
            reloads.push_back(std::make_unique<PendingReload>(supervisor, change));
        } catch (const std::system_error& error) {
            if (error.code() == std::errc::permission_denied)
                throw Failure("no permission to reload the workers of process " +
                              std::to_string(supervisor.pid) + "; run this as root or its user");
            if (change.empty() && reloads.empty())
                return false;
            throw Failure("the supervisor, process " + std::to_string(supervisor.pid) +
                          ", cannot receive changes: " + error.code().message() +
                          "; if it is of an earlier version, reload it without options first");
        }
    }
    if (reloads.empty())
        return false;
    for (const auto& reload : reloads)
        if (!reload->wait_done(end))
            throw Failure(
                abi::disk_name(number) +
                (reload->begun() ? " still has old workers after " : " has no new workers after ") +
                format_duration(limit) +
                (reload->begun() ? ", busy with what they had taken"
                                 : "; they are still being started") +
                "; see the supervisor's log");
    return true;
}

int ReloadCommand::run() {
    const auto number = abi::find_device(device_);
    const auto limit = timeout_.value_or(default_limit);
    const auto start = Clock::now();
    check_store(number, serve_options_.change());
    if (!reload_by_socket(number, limit))
        reload_by_signal(number, limit);
    // Workers of a killed supervisor count as old.
    const auto spent = Clock::now() - start;
    const auto left = std::max<std::chrono::nanoseconds>(limit - spent, 1s);
    if (const auto busy = inspect::end_left_behind(number, limit == infinity ? infinity : left);
        busy > 0)
        throw Failure("new workers serve " + abi::disk_name(number) + ", but " +
                      format_count(busy, "worker") +
                      " left behind by another supervisor did not exit within " +
                      format_duration(limit));
    return exit_success;
}

void ReloadCommand::reload_by_signal(std::uint32_t number, std::chrono::nanoseconds limit) {
    const auto start = Clock::now();
    const auto old = signal_supervisors(number);
    StartFailureDetector failure;
    for (auto progress = progress_since(old); !progress.done; progress = progress_since(old)) {
        failure.check(progress);
        if (limit != infinity && Clock::now() - start >= limit)
            throw Failure(abi::disk_name(number) + " still has " +
                          format_count(progress.old_workers, "old worker") + " after " +
                          format_duration(limit) +
                          ", busy with what they had taken or because the new ones did not start; "
                          "see the supervisor's log");
        std::this_thread::sleep_for(poll_interval);
    }
}

} // namespace userblk::ctl
