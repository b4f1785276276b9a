// SPDX-License-Identifier: MIT
#include "userblk/ctl/commands/serve_command.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/ctl/commands/wait_command.hpp"
#include "userblk/ctl/logging.hpp"
#include "userblk/ctl/serve/background.hpp"
#include "userblk/ctl/serve/device_for_store.hpp"
#include "userblk/ctl/serve/device_server.hpp"
#include "userblk/device.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor_record.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <unistd.h>

namespace userblk::ctl {

namespace {

using namespace std::chrono_literals;

// The owner of the control node may serve the device, but may lack permission to read it, or to see
// its block node. Then the workers only have to take requests.
bool may_read(const Device& device) {
    return ::faccessat(AT_FDCWD, device.block_path().c_str(), R_OK, AT_EACCESS) == 0 ||
           (errno != EACCES && errno != EPERM && errno != ENOENT);
}

// Earlier builds pass a folder that their paths depend on, as the second word of the note.
void change_to_folder_of(const std::string& note) {
    std::error_code ignored;
    if (const auto folder = note.substr(note.find(' ') + 1); folder != "/")
        std::filesystem::current_path(folder, ignored);
}

} // namespace

std::string ServeCommand::details() const {
    return "STORE is mem: (memory that is removed with the device), mem:NAME (memory that stays), "
           "file:PATH (a file or a block device), null:, or the URI of an NBD server "
           "(nbd://HOST/EXPORT, nbd+unix:///EXPORT?socket=PATH), optionally preceded by log, "
           "delay=TIME, errors=N or readonly, each followed by a comma. --create takes no DEV: it "
           "creates a "
           "device of the store's size and removes it on an orderly stop. After SIGTERM, workers "
           "answer what they have taken, and exit; SIGHUP reloads.";
}

int ServeCommand::run() {
    const auto continuation = Pool::continuation();
    if (continuation && !options_.only_checks())
        return take_over(*continuation);
    options_.check();
    return options_.only_checks() ? check_start(continuation) : start();
}

int ServeCommand::start() {
    const auto store = options_.store();
    open_log(); // may fail, so before a device is created
    const auto device = device_for_store(options_, store);
    try {
        return options_.detaches() ? serve_in_background(device, store) : serve_here(device, store);
    } catch (...) {
        device.undo();
        throw;
    }
}

// A process that takes over falls back to syslog: it must be able to log somewhere.
LogFunction ServeCommand::open_log() {
    if (log_)
        return log_;
    const auto level = options_.log_level();
    try {
        return log_ =
                   make_log(options_.log_target(options_.detaches() ? "syslog" : "console"), level);
    } catch (const std::exception& error) {
        if (!takes_over_)
            throw;
        log_ = make_log("syslog", level);
        log_(LogLevel::warning, cli::explain(error) + "; logging to syslog instead");
        return log_;
    }
}

// ------------------------------------------------------ foreground and background

int ServeCommand::serve_here(const ServedDevice& device, const BackendSpec& store) {
    const auto log = open_log();
    if (takes_over_ && options_.detaches() && ::chdir("/") < 0)
        log(LogLevel::warning, "unable to change the directory to /");
    const auto path = abi::block_path(device.number());
    return DeviceServer(options_, store, log, takes_over_).serve(device, [&] {
        if (options_.creates() && !takes_over_)
            std::cout << path << std::endl;
        if (!std::cout) // the device stays for its users; the exit status reports the failure too
            log(LogLevel::error, "unable to print the path of the device, " + path);
    });
}

int ServeCommand::serve_in_background(const ServedDevice& device, const BackendSpec& store) {
    const auto log = open_log();
    Background background([&](Reporter& reporter) {
        const LogFunction both = [&](LogLevel level, const std::string& text) {
            reporter.message(level, text);
            log(level, text);
        };
        return DeviceServer(options_, store, both, takes_over_).serve(device, [&reporter] {
            reporter.ready();
        });
    });
    wait_until_served(background, device);
    if (options_.creates())
        std::cout << abi::block_path(device.number()) << std::endl;
    if (!std::cout)
        background.stop(); // nobody would know which device it is
    return exit_success;
}

void ServeCommand::wait_until_served(Background& background, const ServedDevice& served) const {
    const auto limit = options_.timeout();
    const auto start = std::chrono::steady_clock::now();
    const auto fail = [&] {
        throw Failure(abi::disk_name(served.number()) + " did not answer a read within " +
                      format_duration(limit) + "; stopped serving it (see --timeout)");
    };
    try {
        if (!background.wait_ready(limit))
            fail();
        const auto spent = std::chrono::steady_clock::now() - start;
        const auto left = limit == infinity ? infinity : limit - spent;
        const Device device(inspect::open_node(served.number()));
        if (may_read(device) &&
            !wait_until_ready(device, std::max<std::chrono::nanoseconds>(left, 0ns)))
            fail();
    } catch (...) {
        background.stop();
        throw;
    }
}

// ----------------------------------------------------------------------- reload

// The old workers serve until the new ones do. A failure here must not leave them without a
// supervisor.
int ServeCommand::take_over(const Pool::Continuation& continuation) {
    takes_over_ = true;
    const abi::FileDescriptor current_store(continuation.store_fd);
    try {
        options_.check();
        change_to_folder_of(continuation.note);
        auto store = options_.store();
        store.set_open_file(current_store.get());
        return serve_here(ServedDevice::from_note(continuation.number, continuation.note), store);
    } catch (const std::exception& error) {
        Pool::go_back(cli::explain(error)); // which logs it
        open_log()(LogLevel::error, cli::explain(error));
        throw;
    }
}

// A reload runs this while the workers serve, before it executes the same command without --check.
int ServeCommand::check_start(const std::optional<Pool::Continuation>& continuation) const {
    const abi::FileDescriptor current_store(continuation ? continuation->store_fd : -1);
    auto store = options_.store();
    store.set_open_file(current_store.get());
    make_log(options_.log_target("console"), LogLevel::error);
    if (options_.creates() && !continuation) {
        describe_store_of_new_device(options_, store);
        return exit_success;
    }
    const auto number = continuation ? continuation->number : abi::find_device(options_.device());
    check_device_suits(number, options_, store);
    if (continuation)
        check_others(number, store);
    auto options = pool_options_for({number, ServedDevice::AtEnd::keep}, options_, store);
    options.log = log_to_stderr(program_name, LogLevel::error);
    Pool(number, store.store_factory(options.log), options).check();
    return exit_success;
}

// A supervisor that changes the store must be the only one: others would keep the old store.
void ServeCommand::check_others(std::uint32_t number, const BackendSpec& store) const {
    if (options_.shares())
        return;
    const auto device = Device(inspect::open_node(number)).context();
    const auto identity = store_identity(open_store(store.store_factory(), device)->store_files());
    for (const auto& record : supervisor_records(number))
        if (record.pid != ::getppid() && !record.identity.empty() && record.identity != identity)
            throw Failure(abi::disk_name(number) + " is also served with " + record.store +
                          ", by the workers of process " + std::to_string(record.pid) +
                          "; stop those first, or use --share");
}

} // namespace userblk::ctl
