// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/serve_command.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/ctl/background.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/commands/create_command.hpp"
#include "userblk/ctl/commands/wait_command.hpp"
#include "userblk/ctl/device_use.hpp"
#include "userblk/ctl/logging.hpp"
#include "userblk/device.hpp"
#include "userblk/device/removal.hpp"
#include "userblk/device/udev_links.hpp"
#include "userblk/inspect/node_users.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/supervisor_record.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk::ctl {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto default_timeout = 30s;
// Headings of the options that a reload can change.
constexpr const char* workers_group = "Workers";
constexpr const char* processes_group = "Processes";
constexpr const char* defaults_option = "--defaults";
constexpr const char* ours_word = "ours";
constexpr const char* theirs_word = "theirs";
constexpr const char* joined_word = "joined"; // and ours, when the others have left it

// What this program was started as, so that a reload finds what has been
// installed in its place since.
std::string program_path() {
    const auto& arguments = program_arguments();
    const fs::path name = arguments.empty() ? program_name : arguments.front();
    std::error_code error;
    if (name.has_parent_path())
        if (const auto path = fs::absolute(name, error).lexically_normal(); !error)
            return path; // the folder that we are in may be gone
    const char* const search = std::getenv("PATH");
    std::string folders = search != nullptr ? search : "";
    for (std::size_t at = 0; at < folders.size();) {
        const auto end = std::min(folders.find(':', at), folders.size());
        const auto candidate = fs::path(folders.substr(at, end - at)) / name;
        if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
        at = end + 1;
    }
    return fs::read_symlink("/proc/self/exe", error);
}

// Without the folders that lead up and down again: they may be gone when it is used.
fs::path absolute(const fs::path& path) {
    if (path.is_absolute())
        return path;
    auto folder = fs::current_path(); // without symbolic links
    auto part = path.begin();
    for (; part != path.end() && (*part == ".." || *part == "."); ++part)
        if (*part == "..")
            folder = folder.parent_path();
    for (; part != path.end(); ++part)
        folder /= *part;
    return folder;
}

// The path in it made absolute, since a process in the background is elsewhere.
std::string with_absolute_path(const BackendSpec& store) {
    const auto& text = store.text();
    if (store.kind() != BackendSpec::Kind::file)
        return text;
    const auto prefix = text.substr(0, text.size() - store.argument().size());
    return prefix + absolute(store.argument()).string();
}

std::string with_absolute_path(const std::string& log_target) {
    constexpr std::string_view file = "file:";
    return log_target.starts_with(file)
               ? std::string(file) + absolute(log_target.substr(file.size())).string()
               : log_target;
}

// Refuses what the workers would refuse later, and elsewhere.
Description describe(const BackendSpec& store, std::uint64_t size, bool read_only) {
    try {
        return store.describe(size, read_only);
    } catch (const std::invalid_argument& error) {
        throw Failure(error.what());
    }
}

// What is behind the last whole block of a file is not the device's.
void warn_of_rest(const BackendSpec& store, const Description& description) {
    struct stat file {};
    if (::stat(store.argument().c_str(), &file) < 0 || !S_ISREG(file.st_mode))
        return;
    const auto size = static_cast<std::uint64_t>(file.st_size);
    if (size <= description.size)
        return;
    cli::complain(program_name, "warning: " + store.argument() + " has " + counted(size, "byte") +
                                    ", which is no multiple of a block of " +
                                    std::to_string(description.logical_block_size) + "; the last " +
                                    std::to_string(size - description.size) +
                                    " are not part of the device");
}

// A device is made for a store only if none has it.
void check_unclaimed(const BackendSpec& store, const Description& description) {
    if (store.kind() != BackendSpec::Kind::file)
        return;
    DeviceContext device;
    device.size = description.size;
    device.read_only = description.read_only;
    userblk::check_unclaimed(*store.open(device));
}

// More processes than our own.
bool others_serve(std::uint32_t number, unsigned own) {
    try {
        return inspect::open_node(number).info().device.servers > own;
    } catch (const std::exception&) {
        return false; // it is gone
    }
}

std::string other_supervisors(std::uint32_t number) {
    std::string text;
    for (const auto& [pid, path] : announcements_of(number))
        if (pid != ::getpid())
            text += (text.empty() ? "" : ", ") +
                    (pid > 0 ? std::to_string(pid) : "not visible from here");
    return text;
}

// Who joins is told whom.
void tell_of_others(std::uint32_t number, const std::string& supervisors) {
    const auto disk = abi::disk_name(number);
    const auto begin = disk + " is served already by ";
    if (!supervisors.empty())
        cli::complain(program_name,
                      begin + "the workers of process " + supervisors + "; joining them");
    const auto workers = inspect::left_behind(inspect::node_users(number));
    if (!workers.empty())
        cli::complain(program_name,
                      begin + counted(workers.size(), "worker") + " whose supervisor has ended (" +
                          inspect::pids_text(workers) + "); joining them. \"userblkctl reload " +
                          disk + "\" ends them once this one serves");
    else if (supervisors.empty() && is_served(number))
        cli::complain(program_name, begin +
                                        "processes without a supervisor; joining them. "
                                        "\"userblkctl info " +
                                        disk + "\" lists them");
}

bool is_new(std::uint32_t number) {
    return inspect::open_node(number).info().device.state == USERBLK_STATE_NEW;
}

// Who owns the control node may serve the device, and need not be one who may use it, nor see its
// block node. That the workers take requests has to do then.
bool may_read(const Device& device) {
    return ::faccessat(AT_FDCWD, device.block_path().c_str(), R_OK, AT_EACCESS) == 0 ||
           (errno != EACCES && errno != EPERM && errno != ENOENT);
}

Scheduling scheduling_of(const std::string& word) noexcept {
    if (word == "batch")
        return Scheduling::batch;
    if (word == "fifo")
        return Scheduling::fifo;
    return word == "normal" ? Scheduling::unchanged : Scheduling::automatic;
}

} // namespace

// ------------------------------------------------------------- command line

std::string ServeCommand::details() const {
    return "STORE is mem: (memory that goes with the device), mem:NAME (memory that stays), "
           "file:PATH (a file or a block device) or null:, with log, delay=TIME, errors=N or "
           "readonly and a comma before it if wanted. With --create there is no DEV: a device is "
           "made for the store, of its size, and removed at an orderly end. SIGTERM ends it when "
           "what is taken has been answered; SIGHUP reloads.";
}

void ServeCommand::declare_workers(CommandLine& line) {
    line.group(workers_group);
    line.number<unsigned>("-w,--workers", workers_, 1, 1024, "Worker processes; default 2");
    line.number<unsigned>(for_change_ ? "--threads" : "-t,--threads", threads_, 1, 1024,
                          "Threads of each worker; default 1");
    line.number<unsigned>(
        "--batch", batch_, 1, 4096,
        "The most requests that a thread takes at a time; default 8, and 32 where "
        "there is one processor only");
    line.choice(
        "--wait", wait_, {"poll", "serve"},
        "How workers wait: in the system call that also brings the request (default), or in "
        "poll, which is slower");
    line.flag(
        "--spin", spin_,
        "Not with --wait=poll: look for requests for some microseconds before sleeping, if that "
        "has helped lately");
    line.flag("--redirect", redirect_,
              "With file:PATH: leave moving the data to the kernel, which carries each request out "
              "on the file, with no copy here");
    line.flag("--direct", direct_,
              "With --redirect: past the page cache (O_DIRECT), where alignment allows");
    line.flag("--pin", pin_,
              "Share the hardware queues out among the threads; each runs where the requests of "
              "its queue come from");
    line.choice("--scheduling", scheduling_, {"auto", "normal", "batch", "fifo"},
                "Workers that wake up take a processor from somebody (normal), from whoever is "
                "no real-time process (fifo), or wait for one (batch); default auto: batch if "
                "more than one thread serves");
    line.flag("--share", share_,
              "Also if the store has another device, or the device another store; their data are "
              "then yours to keep from mixing");
    line.number<unsigned>("--spares", spares_, 0, 64,
                          "Workers kept ready for one that dies; default 1");
    line.time("--start-limit", start_limit_,
              "Kill a worker that takes longer to open its store, and start another; default "
              "infinity");
    line.time("--drain-limit", drain_limit_,
              "How long the end waits for workers to answer what they have taken; default 30s");
}

void ServeCommand::declare_process(CommandLine& line) {
    line.group(processes_group);
    line.parsed(
        "--user", "USER", [this](const std::string& text) { user_ = Credentials::of_user(text); },
        "Who the workers become once device and store are open");
    line.flag("--lock-memory", lock_memory_,
              "Keep the memory of all processes, and of mem:, from being paged out, and take "
              "beforehand what requests may need");
    line.number<int>(
        "--oom-score-adj", oom_score_, -1000, 1000,
        "Make it less (-1000) or more (1000) likely to be killed when memory is short");
    line.parsed(
        "--log", "LOG",
        [this](const std::string& text) {
            check_log_target(text);
            log_target_ = with_absolute_path(text);
        },
        "Where messages go: console (default), syslog (default with --detach) or file:PATH");
    line.choice("--log-level", log_level_, {"error", "warning", "notice", "information", "debug"},
                "The least important messages that are logged; default information");
}

void ServeCommand::declare_background(CommandLine& line) {
    line.group("Starting");
    line.flag("--check", check_only_,
              "Only find out whether it would serve: open the store as a worker does, and end");
    line.flag("--detach", detach_,
              "Go into the background, and return when the device answers a read");
    line.time("--timeout", timeout_, "Fail if --detach takes longer; default 30s");
}

void ServeCommand::declare_creation(CommandLine& line) {
    line.group("Making the device");
    line.flag("--create", create_,
              "Make a device for the store; prints its path when it is served");
    line.needs("--create");
    line.flag("--keep", keep_, "Do not remove it at the end");
    line.flag("--reuse", reuse_,
              "If there is a device of this --name already, serve that in place of making one");
    device_options_.declare(line);
}

void ServeCommand::declare(CommandLine& line) {
    given_ = line.given();
    line.argument("DEV", first_, std::string(dev_help) + "; not with --create", false);
    line.argument("STORE", second_, "mem:, mem:NAME, file:PATH or null:", false);
    declare_workers(line);
    declare_process(line);
    declare_background(line);
    declare_creation(line);
}

void ServeCommand::declare_change(CommandLine& line) {
    given_ = line.given();
    for_change_ = true;
    line.argument("STORE", second_, "Serve from this one, which must have the same data", false);
    line.flag(defaults_option, defaults_,
              "Options that are not given here go back to their defaults; STORE stays");
    declare_workers(line);
    declare_process(line);
}

// The store first, empty if it stays as it is.
std::vector<std::string> ServeCommand::change() const {
    std::vector<std::string> words{second_.empty() ? "" : parse_store().text()};
    for (const auto& [option, values, group] : given_())
        if (!option.empty() && option != "--timeout")
            for (const auto& value : values)
                words.push_back(option + "=" + (option == "--log" ? log_target_ : value));
    return words.size() == 1 && words[0].empty() ? std::vector<std::string>() : words;
}

// The command line in force with a change in it, and nothing in it that depends on the folder that
// it was given in.
std::vector<std::string> ServeCommand::command_line(const BackendSpec& store,
                                                    const std::vector<std::string>& change) const {
    const auto is_in_change = [&change](const std::string& start) {
        return std::any_of(change.begin(), change.end(),
                           [&](const std::string& word) { return word.starts_with(start); });
    };
    const bool defaults = is_in_change(defaults_option);
    std::vector<std::string> line{program_path(), name()};
    for (const auto& [option, values, group] : given_()) {
        const bool changeable = group == workers_group || group == processes_group;
        if (option.empty() || option == "--check" || is_in_change(option + "=") ||
            (defaults && changeable))
            continue;
        for (const auto& value : values)
            line.push_back(option + "=" + (option == "--log" ? log_target_ : value));
    }
    std::copy_if(change.begin() + (change.empty() ? 0 : 1), change.end(), std::back_inserter(line),
                 [](const std::string& word) { return !word.starts_with(defaults_option); });
    if (!create_)
        line.push_back(first_);
    line.push_back(change.empty() || change.front().empty() ? store.text() : change.front());
    return line;
}

void ServeCommand::check() const {
    if (first_.empty())
        throw UsageError(create_ ? "STORE is missing, such as file:PATH"
                                 : "DEV and STORE are missing, such as: 0 file:PATH");
    if (create_ && !second_.empty())
        throw UsageError("with --create there is no DEV, only a STORE");
    if (!create_ && second_.empty())
        throw UsageError(first_.find(':') == std::string::npos
                             ? "STORE is missing, such as file:PATH"
                             : "DEV is missing; or use --create, to make a device");
    if (reuse_ && device_options_.name().empty())
        throw UsageError("--reuse finds a device by its --name, which is missing");
    if (spin_ && wait_ != "serve")
        throw UsageError("--spin goes with --wait=serve");
    if (spin_ && scheduling_ == "fifo")
        throw UsageError("--spin and --scheduling=fifo exclude each other: nobody could take the "
                         "processor from one that looks for requests");
    if (redirect_ && device_options_.no_redirect())
        throw UsageError("--redirect and --no-redirect exclude each other");
    if (direct_ && !redirect_)
        throw UsageError("--direct goes with --redirect");
    if (check_only_ && detach_ && !Pool::continuation())
        throw UsageError("--check and --detach exclude each other");
    if (timeout_ && !detach_)
        throw UsageError("--timeout goes with --detach");
    if (detach_ && log_target_ == "console")
        throw UsageError("--detach leaves the console; --log syslog or file:PATH is right");
}

BackendSpec ServeCommand::parse_store() const {
    try {
        auto store = BackendSpec::parse(create_ && !for_change_ ? first_ : second_);
        store = BackendSpec::parse(with_absolute_path(store));
        if (redirect_)
            store.set_data_path(direct_ ? FileBackend::DataPath::direct
                                        : FileBackend::DataPath::redirect);
        return store;
    } catch (const std::invalid_argument& error) {
        throw UsageError(std::string("STORE: ") + error.what());
    }
}

// ------------------------------------------------------------------- device

// With --reuse: the device is not made anew, whatever size it would then have.
void ServeCommand::warn_of_other_size(std::uint32_t number, std::uint64_t size,
                                      const BackendSpec& store) const {
    const auto given = device_options_.size();
    const bool is_file = store.kind() == BackendSpec::Kind::file;
    if (given == 0 && !is_file)
        return;
    const auto wanted = given != 0 ? given : describe(store, 0, true).size;
    const auto text = [](std::uint64_t bytes) {
        return format_size(bytes) + " (" + std::to_string(bytes) + " bytes)";
    };
    // What is less than a block is nobody's to use.
    if (wanted / USERBLK_MAX_BLOCK_SIZE == size / USERBLK_MAX_BLOCK_SIZE)
        return;
    cli::complain(
        program_name,
        "warning: " + abi::disk_name(number) + " is " + text(size) + " large and stays so, but " +
            (given != 0 ? "--size says " : store.text() + " has ") + text(wanted) +
            "; \"userblkctl resize " + abi::disk_name(number) + " " +
            (given != 0 ? std::to_string(given) : "file:" + store.argument()) + "\" changes it");
}

// Whether a device can be served from the store; its size.
std::uint64_t ServeCommand::check_device(std::uint32_t number, const BackendSpec& store) const {
    const auto config = inspect::open_node(number).info().device.config;
    const bool read_only = (config.flags & USERBLK_F_READ_ONLY) != 0;
    if (redirect_ && (config.flags & USERBLK_F_REDIRECT) == 0)
        throw Failure(abi::disk_name(number) +
                      " does not let requests be redirected; leave --redirect away, or create the "
                      "device with --allow-redirect");
    const auto description = describe(store, config.size, read_only);
    if (description.read_only && !read_only)
        throw Failure(store.text() + " cannot be written to, but " + abi::disk_name(number) +
                      " can, and its writes would fail; leave readonly away, or create the device "
                      "with --read-only");
    return config.size;
}

ServeCommand::Target ServeCommand::find_target(const BackendSpec& store) const {
    const auto number = abi::find_device(create_ ? device_options_.name() : first_);
    const auto size = check_device(number, store);
    if (create_)
        warn_of_other_size(number, size, store);
    const auto others = other_supervisors(number);
    tell_of_others(number, others);
    if (const auto fault = abi::block_node_fault(number); fault && !fault->missing)
        cli::complain(program_name, "warning: " + fault->what + "; " + fault->mend);
    return {number, create_ && !keep_, !others.empty() || is_served(number)};
}

ServeCommand::Target ServeCommand::make_target(const BackendSpec& store) const {
    if (reuse_) {
        try {
            return find_target(store);
        } catch (const abi::NoSuchDevice&) {
            // Then it is made.
        }
    }
    if (store.kind() != BackendSpec::Kind::file && device_options_.size() == 0)
        throw UsageError("--size is missing; " + store.text() + " has none of its own");
    const auto description = describe(store, device_options_.size(), device_options_.read_only());
    if (device_options_.size() == 0)
        warn_of_rest(store, description);
    if (!share_)
        check_unclaimed(store, description);
    auto base = DeviceConfig::for_backend(description);
    if (redirect_)
        base.redirect = true;
    const auto device = create_device(device_options_.apply(std::move(base)));
    return {device.number(), !keep_, false, true, device.context().diskseq};
}

// Why a device that is ours stays: empty if it need not.
std::string ServeCommand::other_servers(const Target& target) const {
    const auto others = other_supervisors(target.number);
    if (!others.empty())
        return "the workers of process " + others;
    return is_served(target.number) ? "workers without a supervisor" : "";
}

// Done while the device is served: who has it open for a moment, as udev has after the last close,
// to read what is on it, gets its answers and closes it.
std::function<bool()> ServeCommand::removal_before_stop(const Target& target) const {
    if (!target.ours || target.joined)
        return {};
    return [this, target, removal = std::optional<Removal>()]() mutable {
        if (!other_supervisors(target.number).empty() || others_serve(target.number, workers_))
            return true;
        if (!removal)
            removal.emplace(abi::Identity{target.number, target.diskseq},
                            [number = target.number] { return !uses_of(number).empty(); });
        const auto result = removal->attempt();
        return result && *result &&
               *result != std::errc::no_such_device; // what was removed ends by itself
    };
}

// A device that a failing command has made does not stay: nobody was told of it.
void ServeCommand::undo(const Target& target) const noexcept {
    if (!target.made)
        return;
    try {
        Device::remove(target.number, true, target.diskseq);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_device)
            cli::complain(program_name, "warning: " + cli::explain(error));
    } catch (const std::exception& error) {
        cli::complain(program_name, "warning: " + cli::explain(error));
    }
}

// In use it stays: whoever uses it goes on when it is served again.
void ServeCommand::remove_at_end(const Target& target, const LogFunction& log) const {
    if (!target.ours)
        return;
    const auto disk = abi::disk_name(target.number);
    if (const auto others = other_servers(target); !others.empty())
        return log(LogLevel::notice, disk + " stays, since it is served by " + others + " too");
    const auto in_use = [number = target.number] { return !uses_of(number).empty(); };
    const auto error =
        remove_patiently(Removal({target.number, target.diskseq}, in_use), wait_for_end_signal);
    if (error == std::errc::device_or_resource_busy)
        log(LogLevel::warning, disk + " stays, since it is in use (" + uses_text(target.number) +
                                   "); its requests wait. Serve it again with \"userblkctl serve " +
                                   disk + " STORE\", or remove it with \"userblkctl remove " +
                                   disk + "\"");
    else if (error && error != std::errc::no_such_device)
        log(LogLevel::error, "unable to remove " + disk + ": " + error.message());
}

// ------------------------------------------------------------------- serving

// What others are told about it; see SupervisorRecord.
SupervisorRecord ServeCommand::record(const BackendSpec& store) const {
    SupervisorRecord record;
    record.store = store.text();
    for (const auto& [option, values, group] : given_())
        if (!option.empty() && option != "--workers" && option != "--threads")
            for (const auto& value : values)
                record.options.push_back(value == "true" ? option : option + "=" + value);
    return record;
}

PoolOptions ServeCommand::pool_options(const Target& target, const BackendSpec& store) const {
    PoolOptions options;
    options.workers = workers_;
    options.spares = spares_;
    options.scheduling = scheduling_of(scheduling_);
    options.worker.threads = threads_;
    options.worker.batch = batch_;
    options.worker.wait = wait_ == "serve" ? WaitMode::serve : WaitMode::poll;
    options.worker.spin = spin_;
    options.worker.share = share_;
    options.worker.pin = pin_;
    options.lock_memory = lock_memory_;
    options.oom_score_adj = oom_score_;
    options.run_as = user_;
    if (start_limit_ && *start_limit_ != infinity)
        options.start_limit = std::chrono::ceil<std::chrono::milliseconds>(*start_limit_);
    if (drain_limit_)
        options.drain_limit = std::chrono::duration_cast<std::chrono::milliseconds>(*drain_limit_);
    options.reexec = command_line(store, {});
    options.reexec_check = "--check";
    options.change = [this, store](const std::vector<std::string>& change) {
        return command_line(store, change);
    };
    options.reexec_note = std::string(!target.ours    ? theirs_word
                                      : target.joined ? joined_word
                                                      : ours_word) +
                          " /"; // earlier builds go to a folder
    return options;
}

// A file stays the device's also while all workers are dead, and what they serve also where another
// file has its name by then. Who goes on with workers that serve does not give up for want of a
// claim: theirs tell.
ServeCommand::HeldStore ServeCommand::claim(const Target& target, const BackendSpec& store,
                                            const LogFunction& log) const {
    try {
        const auto device = Device(inspect::open_node(target.number)).context();
        const auto backend = store.open(device);
        claim_files(*backend, device, share_);
        const auto files = backend->store_files();
        // The lock is the open file's. Memory is not mapped here, where it might be locked, too.
        const int fd = files.empty() || files.front().fd < 0
                           ? -1
                           : ::fcntl(files.front().fd, F_DUPFD_CLOEXEC, 0);
        return {abi::FileDescriptor(fd), store.path(device), store_identity(files)};
    } catch (const std::exception& error) {
        if (!continued_)
            throw;
        log(LogLevel::warning, cli::explain(error));
        return {};
    }
}

int ServeCommand::serve(Target target, const BackendSpec& store, const LogFunction& log,
                        std::function<void()> ready) const {
    auto options = pool_options(target, store);
    options.record = record(store);
    options.log = log;
    bool was_ready = !target.made;
    std::optional<UdevLinks> links;
    options.may_be_ready = [&] { return !links || links->settled(); };
    options.ready = [&, ready = std::move(ready)] {
        if (links && !links->complaint().empty())
            log(LogLevel::warning, links->complaint());
        was_ready = true;
        ready();
    };
    PoolEnd end = PoolEnd::failed;
    HeldStore held;
    std::optional<Pool> pool; // until the device is removed, since it holds signals back
    try {
        // At the end the number may be another device's.
        target.diskseq = Device::context_of(inspect::open_node(target.number)).diskseq;
        options.may_stop = removal_before_stop(target);
        links.emplace(target.number,
                      is_new(target.number) ? UdevLinks::Since::served : UdevLinks::Since::made);
        held = claim(target, store, log);
        options.record.identity = held.identity;
        options.store_fd = held.fd.get();
        options.store_path = held.path;
        auto opened = store;
        if (held.fd)
            opened.set_open_file(held.fd.get());
        end = pool.emplace(target.number, opened.factory(log), options).run();
    } catch (const std::exception& error) {
        log(LogLevel::error, cli::explain(error));
    }
    if (end == PoolEnd::failed && !was_ready)
        undo(target);
    else if (end != PoolEnd::removed)
        remove_at_end(target, log);
    return end == PoolEnd::stopped || end == PoolEnd::removed ? exit_success : exit_failure;
}

// Who goes on with workers that serve has to say somewhere what is wrong.
LogFunction ServeCommand::open_log() const {
    if (log_)
        return log_;
    const auto level = parse_log_level(log_level_);
    const auto target = log_target_.empty() ? (detach_ ? "syslog" : "console") : log_target_;
    try {
        return log_ = make_log(target, level);
    } catch (const std::exception& error) {
        if (!continued_)
            throw;
        log_ = make_log("syslog", level);
        log_(LogLevel::warning, cli::explain(error) + "; messages go to syslog");
        return log_;
    }
}

int ServeCommand::serve_here(const Target& target, const BackendSpec& store) const {
    const auto log = open_log();
    if (continued_ && detach_ && ::chdir("/") < 0)
        log(LogLevel::warning, "unable to change to the folder /");
    return serve(target, store, log, [&] {
        if (create_ && !continued_)
            std::cout << abi::block_path(target.number) << std::endl;
        if (!std::cout) // those who use the device are not to suffer for it; told again at the end
            log(LogLevel::error,
                "unable to print the path of the device, " + abi::block_path(target.number));
    });
}

void ServeCommand::wait_until_served(Background& background, const Target& target) const {
    const auto limit = timeout_.value_or(default_timeout);
    const auto start = std::chrono::steady_clock::now();
    const auto fail = [&] {
        throw Failure(abi::disk_name(target.number) + " did not answer a read within " +
                      format_duration(limit) + "; serving it was given up");
    };
    try {
        if (!background.wait_ready(limit))
            fail();
        const auto spent = std::chrono::steady_clock::now() - start;
        const auto left = limit == infinity ? infinity : limit - spent;
        const Device device(inspect::open_node(target.number));
        if (may_read(device) &&
            !wait_until_ready(device, std::max<std::chrono::nanoseconds>(left, 0ns)))
            fail();
    } catch (...) {
        background.stop();
        throw;
    }
}

int ServeCommand::serve_in_background(const Target& target, const BackendSpec& store) const {
    const auto log = open_log();
    Background background([&](Reporter& reporter) {
        const LogFunction both = [&](LogLevel level, const std::string& text) {
            reporter.message(level, text);
            log(level, text);
        };
        return serve(target, store, both, [&reporter] { reporter.ready(); });
    });
    wait_until_served(background, target);
    if (create_)
        std::cout << abi::block_path(target.number) << std::endl;
    if (!std::cout)
        background.stop(); // nobody could be told where it is
    return exit_success;
}

// A supervisor that is to go over to another store is alone: the others would keep the old one.
void ServeCommand::check_others(std::uint32_t number, const BackendSpec& store) const {
    if (share_)
        return;
    const auto device = Device(inspect::open_node(number)).context();
    const auto identity = store_identity(store.open(device)->store_files());
    for (const auto& record : supervisor_records(number))
        if (record.pid != ::getppid() && !record.identity.empty() && record.identity != identity)
            throw Failure(abi::disk_name(number) + " is served with " + record.store +
                          " by the workers of process " + std::to_string(record.pid) +
                          ", too; end those first, or use --share");
}

// What a reload calls beside the workers that serve, before it executes the same without --check.
int ServeCommand::check_start(const std::optional<Pool::Continuation>& continuation) const {
    const abi::FileDescriptor so_far(continuation ? continuation->store_fd : -1);
    auto store = parse_store();
    store.set_open_file(so_far.get());
    make_log(log_target_.empty() ? "console" : log_target_, LogLevel::error);
    if (create_ && !continuation) {
        describe(store, device_options_.size(), device_options_.read_only());
        return exit_success;
    }
    const auto number = continuation ? continuation->number : abi::find_device(first_);
    check_device(number, store);
    if (continuation)
        check_others(number, store);
    auto options = pool_options({number, false, false}, store);
    options.log = log_to_stderr(program_name, LogLevel::error);
    Pool(number, store.factory(options.log), options).check();
    return exit_success;
}

// The old workers serve on. What cannot be done any more is no reason to leave them alone.
int ServeCommand::go_on(const Pool::Continuation& continuation) {
    continued_ = true;
    const abi::FileDescriptor so_far(continuation.store_fd);
    try {
        const auto space = continuation.note.find(' ');
        const auto word = continuation.note.substr(0, space);
        std::error_code ignored; // earlier builds have paths that belong to a folder
        if (const auto folder = continuation.note.substr(space + 1); folder != "/")
            fs::current_path(folder, ignored);
        auto store = parse_store();
        store.set_open_file(so_far.get());
        return serve_here({continuation.number, word != theirs_word, word == joined_word}, store);
    } catch (const std::exception& error) {
        open_log()(LogLevel::error, cli::explain(error));
        Pool::go_back(cli::explain(error));
        throw;
    }
}

int ServeCommand::run() {
    check();
    const auto continuation = Pool::continuation();
    if (check_only_)
        return check_start(continuation);
    if (continuation)
        return go_on(*continuation);
    const auto store = parse_store();
    open_log(); // before a device is made for it
    const auto target = create_ ? make_target(store) : find_target(store);
    try {
        return detach_ ? serve_in_background(target, store) : serve_here(target, store);
    } catch (...) {
        undo(target);
        throw;
    }
}

} // namespace userblk::ctl
