// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/serve_options.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/ctl/logging.hpp"
#include "userblk/ctl/serve/program_path.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string_view>

namespace userblk::ctl {

namespace {

using namespace std::chrono_literals;

constexpr auto default_timeout = 30s;
// The groups of options that a reload can change.
constexpr const char* workers_group = "Workers";
constexpr const char* processes_group = "Processes";
constexpr const char* defaults_option = "--defaults";

std::string with_absolute_path(const BackendSpec& store) {
    const auto& text = store.text();
    if (store.kind() != BackendSpec::Kind::file)
        return text;
    const auto prefix = text.substr(0, text.size() - store.argument().size());
    return prefix + absolute_path(store.argument()).string();
}

std::string with_absolute_path(const std::string& log_target) {
    constexpr std::string_view file = "file:";
    return log_target.starts_with(file)
               ? std::string(file) + absolute_path(log_target.substr(file.size())).string()
               : log_target;
}

Scheduling scheduling_of(const std::string& word) noexcept {
    if (word == "batch")
        return Scheduling::batch;
    if (word == "fifo")
        return Scheduling::fifo;
    return word == "normal" ? Scheduling::unchanged : Scheduling::automatic;
}

bool starts_any(const std::vector<std::string>& words, const std::string& start) {
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return word.starts_with(start); });
}

} // namespace

// ------------------------------------------------------------------ declaration

void ServeOptions::declare_workers(CommandLine& line) {
    line.group(workers_group);
    line.number<unsigned>("-w,--workers", workers_, 1, 1024, "Worker processes; default 2");
    line.number<unsigned>(for_reload_ ? "--threads" : "-t,--threads", threads_, 1, 1024,
                          "Threads of each worker; default 1");
    line.number<unsigned>(
        "--batch", batch_, 1, 4096,
        "Maximum number of requests a thread takes at a time; default 8, or 32 with a single "
        "processor");
    line.choice(
        "--wait", wait_, {"poll", "serve"},
        "How workers wait: in the system call that also returns the request (default), or in "
        "poll, which is slower");
    line.flag(
        "--spin", spin_,
        "Not with --wait=poll: spin for some microseconds before sleeping, as long as that helps");
    line.flag(
        "--redirect", redirect_,
        "With file:PATH: let the kernel carry out each request on the file, without a copy in "
        "the workers");
    line.flag("--direct", direct_,
              "With --redirect: bypass the page cache (O_DIRECT) where alignment allows");
    line.flag(
        "--pin", pin_,
        "Divide the hardware queues among the threads; each runs on the processors that submit "
        "to its queue");
    line.choice(
        "--scheduling", scheduling_, {"auto", "normal", "batch", "fifo"},
        "What workers do when they wake up and no processor is idle: wait for one (batch), "
        "compete for one as usual (normal), or preempt ordinary processes (fifo); default auto: "
        "fifo while that is permitted and pays off, otherwise batch if more than one thread "
        "serves, "
        "or normal");
    line.flag(
        "--share", share_,
        "Serve even if the store has another device, or the device another store; their users "
        "must then keep the data consistent");
    line.time("--retry", retry_,
              "With nbd: how long requests wait for a new connection if the server goes away, "
              "before they fail; default infinity");
    line.number<unsigned>("--spares", spares_, 0, 64,
                          "Workers kept ready to replace one that dies; default 1");
    line.time("--start-limit", start_limit_,
              "Kill and replace a worker that takes longer to open its store; default infinity");
    line.time(
        "--drain-limit", drain_limit_,
        "How long to wait at the end for workers to answer what they have taken; default 30s");
}

void ServeOptions::declare_process(CommandLine& line) {
    line.group(processes_group);
    line.parsed(
        "--user", "USER", [this](const std::string& text) { user_ = Credentials::of_user(text); },
        "User that the workers switch to once device and store are open");
    line.flag(
        "--lock-memory", lock_memory_,
        "Lock the memory of all processes, and of mem:, and allocate beforehand what requests "
        "may need");
    line.number<int>(
        "--oom-score-adj", oom_score_, -1000, 1000,
        "Make the processes less (-1000) or more (1000) likely to be killed when memory is short");
    line.parsed(
        "--log", "LOG",
        [this](const std::string& text) {
            check_log_target(text);
            log_target_ = with_absolute_path(text);
        },
        "Where to log: console (default), syslog (default with --detach) or file:PATH");
    line.choice("--log-level", log_level_, {"error", "warning", "notice", "information", "debug"},
                "The least important messages to log; default information");
}

void ServeOptions::declare_start(CommandLine& line) {
    line.group("Starting");
    line.flag("--check", check_only_,
              "Only check whether serving would start: open the store as a worker does, and exit");
    line.flag("--detach", detach_,
              "Run in the background, and return when the device answers a read");
    line.time("--timeout", timeout_, "Fail if --detach takes longer; default 30s");
}

void ServeOptions::declare_creation(CommandLine& line) {
    line.group("Creating the device");
    line.flag("--create", create_,
              "Create a device for the store, and print its path once it is served");
    line.needs("--create");
    line.flag("--keep", keep_, "Do not remove the device at the end");
    line.flag("--reuse", reuse_,
              "If a device of this --name exists, serve it instead of creating one");
    device_options_.declare(line);
}

void ServeOptions::declare(CommandLine& line) {
    given_ = line.given();
    line.argument("DEV", first_, std::string(dev_help) + "; not with --create", false);
    line.argument("STORE", second_, "mem:, mem:NAME, file:PATH, null: or nbd://HOST/EXPORT", false);
    declare_workers(line);
    declare_process(line);
    declare_start(line);
    declare_creation(line);
}

void ServeOptions::declare_change(CommandLine& line) {
    given_ = line.given();
    for_reload_ = true;
    line.argument("STORE", second_, "Serve from this store, which must have the same data", false);
    line.flag(defaults_option, defaults_,
              "Reset options that are not given here to their defaults; STORE stays");
    declare_workers(line);
    declare_process(line);
}

// ----------------------------------------------------------------------- checks

void ServeOptions::check() const {
    check_arguments();
    check_worker_options();
    check_start_options();
    device_options_.check_size_given();
}

void ServeOptions::check_arguments() const {
    if (first_.empty())
        throw UsageError(create_ ? "STORE is missing, such as file:PATH"
                                 : "DEV and STORE are missing, such as: 0 file:PATH");
    if (create_ && !second_.empty())
        throw UsageError("--create takes no DEV, only a STORE");
    if (!create_ && second_.empty())
        throw UsageError(first_.find(':') == std::string::npos
                             ? "STORE is missing, such as file:PATH"
                             : "DEV is missing; to create a device, use --create");
    if (reuse_ && device_options_.name().empty())
        throw UsageError("--reuse requires the --name of the device");
}

void ServeOptions::check_worker_options() const {
    if (spin_ && wait_ != "serve")
        throw UsageError("--spin requires --wait=serve");
    if (spin_ && scheduling_ == "fifo")
        throw UsageError(
            "--spin and --scheduling=fifo exclude each other: no ordinary process could "
            "preempt a worker that spins");
    if (redirect_ && device_options_.no_redirect())
        throw UsageError("--redirect and --no-redirect exclude each other");
    if (direct_ && !redirect_)
        throw UsageError("--direct requires --redirect");
}

void ServeOptions::check_start_options() const {
    if (check_only_ && detach_ && !Pool::continuation())
        throw UsageError("--check and --detach exclude each other");
    if (timeout_ && !detach_)
        throw UsageError("--timeout requires --detach");
    if (detach_ && log_target_ == "console")
        throw UsageError("--log: a process in the background has no console; with --detach, "
                         "expected syslog or file:PATH");
}

// ----------------------------------------------------------------------- values

BackendSpec ServeOptions::store() const {
    try {
        auto store = BackendSpec::parse(create_ && !for_reload_ ? first_ : second_);
        store = BackendSpec::parse(with_absolute_path(store));
        if (redirect_)
            store.set_data_path(direct_ ? FileBackend::DataPath::direct
                                        : FileBackend::DataPath::redirect);
        if (retry_)
            store.set_retry(*retry_);
        return store;
    } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("STORE: ") + error.what());
    }
}

bool ServeOptions::asks_for_several_threads() const {
    const auto given = given_();
    const bool workers = std::any_of(given.begin(), given.end(), [](const auto& option) {
        return option.option == "--workers";
    });
    return (workers ? workers_ : 1) * threads_ > 1;
}

std::chrono::nanoseconds ServeOptions::timeout() const noexcept {
    return timeout_.value_or(default_timeout);
}

std::string ServeOptions::log_target(const std::string& automatic) const {
    return log_target_.empty() ? automatic : log_target_;
}

LogLevel ServeOptions::log_level() const {
    return parse_log_level(log_level_);
}

WorkerOptions ServeOptions::worker_options() const {
    WorkerOptions options;
    options.threads = threads_;
    options.batch = batch_;
    options.wait = wait_ == "serve" ? WaitMode::serve : WaitMode::poll;
    options.spin = spin_;
    options.share = share_;
    options.pin = pin_;
    return options;
}

PoolOptions ServeOptions::pool_options() const {
    PoolOptions options;
    options.program = "userblk";
    options.workers = workers_;
    options.spares = spares_;
    options.scheduling = scheduling_of(scheduling_);
    options.worker = worker_options();
    options.lock_memory = lock_memory_;
    options.oom_score_adj = oom_score_;
    options.run_as = user_;
    if (start_limit_ && *start_limit_ != infinity)
        options.start_limit = std::chrono::ceil<std::chrono::milliseconds>(*start_limit_);
    if (drain_limit_)
        options.drain_limit = std::chrono::duration_cast<std::chrono::milliseconds>(*drain_limit_);
    return options;
}

// ---------------------------------------------------------------- command lines

std::vector<std::string> ServeOptions::record_options() const {
    std::vector<std::string> options;
    for (const auto& [option, values, group] : given_())
        if (!option.empty() && option != "--workers" && option != "--threads")
            for (const auto& value : values)
                options.push_back(value == "true" ? option : option + "=" + value);
    return options;
}

// Valid whatever the current folder is.
std::string ServeOptions::argument(const std::string& option, const std::string& value) const {
    return option + "=" + (option == "--log" ? log_target_ : value);
}

// The store comes first; empty: unchanged.
std::vector<std::string> ServeOptions::change() const {
    std::vector<std::string> words{second_.empty() ? "" : store().text()};
    for (const auto& [option, values, group] : given_())
        if (!option.empty() && option != "--timeout")
            for (const auto& value : values)
                words.push_back(argument(option, value));
    return words.size() == 1 && words[0].empty() ? std::vector<std::string>() : words;
}

std::vector<std::string> ServeOptions::command_line(const BackendSpec& store,
                                                    const std::vector<std::string>& change) const {
    const bool defaults = starts_any(change, defaults_option);
    std::vector<std::string> line{program_path(), "serve"};
    for (const auto& [option, values, group] : given_()) {
        const bool changeable = group == workers_group || group == processes_group;
        if (option.empty() || option == "--check" || starts_any(change, option + "=") ||
            (defaults && changeable))
            continue;
        for (const auto& value : values)
            line.push_back(argument(option, value));
    }
    for (std::size_t i = 1; i < change.size(); ++i) // behind the store
        if (!change[i].starts_with(defaults_option))
            line.push_back(change[i]);
    if (!create_)
        line.push_back(first_);
    line.push_back(change.empty() || change.front().empty() ? store.text() : change.front());
    return line;
}

} // namespace userblk::ctl
