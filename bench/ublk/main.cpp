// SPDX-License-Identifier: MIT
//
// ublk-target: serves a ublk device whose data are in memory, in a file, on a disk or nowhere, as a
// peer for measuring. Runs in the foreground; prints the disk's path once it is usable, and removes
// it at SIGTERM or SIGINT. When it is killed, a device created with --recoverable stays, and
// another ublk-target can resume it (--recover).
#include "bench/ublk/server.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <map>
#include <optional>
#include <unistd.h>

namespace {

using namespace userblk::bench::ublk;

constexpr std::uint64_t sector = 512;
constexpr std::uint64_t page = 4096;

enum class Type { null, memory, file, disk };

struct Options {
    std::optional<Type> type;
    bool features = false;
    std::string path;   ///< of the backing file or disk
    std::string shared; ///< path of memory to share with clients
    DeviceConfig device;
    bool recoverable = false;
    bool unprivileged = false;
    std::optional<std::uint32_t> recover; ///< number of the device to resume
    std::optional<std::uint32_t> remove;  ///< number of the device to delete, and nothing else
    std::uint64_t max_io = 512 << 10;
    std::optional<DataMode> mode;
    ServerOptions server;
};

const std::map<std::string, Type> types{
    {"null", Type::null}, {"memory", Type::memory}, {"file", Type::file}, {"disk", Type::disk}};
const std::map<std::string, DataMode> modes{{"buffer", DataMode::buffer},
                                            {"get-data", DataMode::get_data},
                                            {"user-copy", DataMode::user_copy},
                                            {"registered", DataMode::registered}};
const std::map<std::string, TaskRun> task_runs{{"coop", TaskRun::cooperative},
                                               {"defer", TaskRun::deferred}};

struct Feature {
    const char* name; ///< of the option
    std::uint64_t flag;
};
constexpr Feature features[] = {
    {"get-data", UBLK_F_NEED_GET_DATA},  {"user-copy", UBLK_F_USER_COPY},
    {"registered", UBLK_F_AUTO_BUF_REG}, {"batch-io", UBLK_F_BATCH_IO},
    {"tasks", UBLK_F_PER_IO_DAEMON},     {"shared", UBLK_F_SHMEM_ZC}};

CLI::Option* choice(CLI::App& app, const std::string& name, const auto& choices, auto& value,
                    const std::string& help) {
    return app
        .add_option_function<std::string>(
            name, [&](const std::string& word) { value = choices.at(word); }, help)
        ->check(CLI::IsMember(&choices))
        ->type_name("");
}

CLI::Option* size(CLI::App& app, const std::string& name, std::uint64_t& value,
                  const std::string& help) {
    return app.add_option(name, value, help)->transform(CLI::AsSizeValue(false))->type_name("SIZE");
}

void check(const Options& options) {
    if (options.remove || options.features)
        return;
    if (!options.type)
        throw CLI::RequiredError("--type");
    const bool has_path = options.type == Type::file || options.type == Type::disk;
    if (options.path.empty() == has_path)
        throw CLI::ValidationError("--path",
                                   "is required for --type file and disk, and for no other type");
    const auto mode = options.mode.value_or(DataMode::buffer);
    if (options.type == Type::disk && mode != DataMode::buffer && mode != DataMode::registered)
        throw CLI::ValidationError("--data", "expected buffer or registered with --type disk");
    if (options.type != Type::disk && mode == DataMode::registered)
        throw CLI::ValidationError("--data", "registered requires --type disk");
    if (options.server.queue.batch_io && mode == DataMode::get_data)
        throw CLI::ValidationError("--batch-io", "the driver cannot combine it with get-data");
    if (options.server.tasks > options.device.depth)
        throw CLI::ValidationError("--tasks", "expected no more than --depth");
    if (options.device.size == 0 || options.device.size % sector != 0)
        throw CLI::ValidationError("--size", "expected a multiple of 512");
    if (options.max_io < page || options.max_io % page != 0 ||
        options.max_io > (1U << UBLK_IO_BUF_BITS))
        throw CLI::ValidationError("--max-io", "expected a multiple of 4K up to 32M");
}

Options parse(int argc, char** argv) {
    Options options;
    CLI::App app("Serves a ublk device, and prints its path once it is usable", "ublk-target");
    auto* const type = choice(app, "--type", types, options.type, "what is behind the device");
    auto* const bytes = size(app, "--size", options.device.size, "size of the device");
    app.add_option("--path", options.path, "path of the backing file or disk (--type file, disk)");
    app.add_option("--queues", options.device.queues, "hardware queues")
        ->check(CLI::Range(1U, UBLK_MAX_NR_QUEUES))
        ->capture_default_str();
    app.add_option("--depth", options.device.depth, "requests in flight per queue")
        ->check(CLI::Range(1, UBLK_MAX_QUEUE_DEPTH))
        ->capture_default_str();
    size(app, "--max-io", options.max_io, "bytes of the largest request (default: 512K)");
    auto* const tasks = app.add_option("--tasks", options.server.tasks,
                                       "threads per queue, with a part of its requests each")
                            ->check(CLI::PositiveNumber)
                            ->capture_default_str();
    app.add_option("--batch", options.server.queue.batch,
                   "requests that a thread carries out before it sends their answers (default: "
                   "all that are there)")
        ->check(CLI::PositiveNumber);
    app.add_flag("--batch-io", options.server.queue.batch_io,
                 "deliver and answer many requests by one command")
        ->excludes(tasks);
    app.add_option("--shared", options.shared,
                   "file whose memory clients use, too; requests for it are not copied");
    app.add_flag("--pin", options.server.pin, "run each thread on the CPUs that feed its queue");
    choice(app, "--data", modes, options.mode,
           "who copies data, and where to: buffer, get-data or user-copy (default: the fastest "
           "measured for the type); or nobody: registered, for --type disk");
    choice(app, "--taskrun", task_runs, options.server.queue.task_run,
           "when a thread takes its completions: coop or defer (default: defer)");
    auto* const recoverable = app.add_flag("--recoverable", options.recoverable,
                                           "keep the device when this process is killed, and "
                                           "deliver its taken requests again");
    app.add_option("--recover", options.recover,
                   "resume the device of this number, whose server was killed")
        ->excludes(recoverable);
    app.add_flag("--unprivileged", options.unprivileged,
                 "create a device that belongs to its creator")
        ->excludes(recoverable);
    app.add_option("--remove", options.remove, "delete the device of this number, and exit")
        ->excludes(type)
        ->excludes(bytes);
    app.add_flag("--features", options.features,
                 "print which of the options the driver knows, and exit")
        ->excludes(type)
        ->excludes(bytes);
    try {
        app.parse(argc, argv);
        check(options);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    }
    return options;
}

// Unprivileged servers may not move data with their own system calls.
DataMode best_mode(const Options& options) {
    if (options.type == Type::disk)
        return DataMode::buffer;
    return options.unprivileged ? DataMode::get_data : DataMode::user_copy;
}

DataMode mode_of(std::uint64_t flags) {
    for (const DataMode mode : {DataMode::get_data, DataMode::user_copy, DataMode::registered})
        if ((flags & flags_of(mode)) != 0)
            return mode;
    return DataMode::buffer;
}

Target make_target(const Options& options) {
    switch (options.type.value_or(Type::null)) {
    case Type::memory:
        return Target::memory(options.device.size);
    case Type::file:
        return Target::file(options.path, options.device.size);
    case Type::disk:
        return Target::disk(options.path, options.device.size);
    case Type::null:
        break;
    }
    return Target::null();
}

// Blocked in every thread, and received by wait() alone.
class StopSignals {
public:
    StopSignals() {
        ::sigemptyset(&set_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            ::sigaddset(&set_, signal);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN); // the device must be deleted whatever happens
    }
    void wait() const {
        int signal = 0;
        while (::sigwait(&set_, &signal) != 0) {
        }
    }

private:
    sigset_t set_{};
};

std::uint64_t flags_of(const Options& options) {
    return flags_of(options.server.queue.mode) |
           (options.server.queue.batch_io ? UBLK_F_BATCH_IO : 0) |
           (options.server.tasks > 1 ? UBLK_F_PER_IO_DAEMON : 0) |
           (options.shared.empty() ? 0 : UBLK_F_SHMEM_ZC) |
           (options.recoverable ? UBLK_F_USER_RECOVERY | UBLK_F_USER_RECOVERY_REISSUE : 0) |
           (options.unprivileged ? UBLK_F_UNPRIVILEGED_DEV : 0);
}

void require(std::uint64_t flags, std::uint64_t known) {
    if ((flags & ~known) == 0)
        return;
    for (const auto& [name, flag] : features)
        if ((flags & ~known & flag) != 0)
            throw_error("use " + std::string(name) + ", which the driver of this kernel lacks",
                        EOPNOTSUPP);
    throw_error("have an option that the driver does not know", EOPNOTSUPP);
}

void print_features(std::uint64_t known) {
    for (const auto& [name, flag] : features)
        if ((known & flag) != 0)
            std::cout << name << '\n';
}

Device create(Control& control, Options& options) {
    options.server.queue.mode = options.mode.value_or(best_mode(options));
    options.device.max_io = static_cast<std::uint32_t>(options.max_io);
    options.device.flags = flags_of(options);
    options.device.volatile_cache = options.type == Type::disk;
    require(options.device.flags, control.features());
    return {control, options.device};
}

// If this fails, another server may recover the device: it must not be stopped, which an orderly
// exit of the threads would require.
void start(Server& server, const Device& device) {
    try {
        server.start();
    } catch (const std::exception& error) {
        if (!device.awaits_recovery())
            throw;
        complain(error.what());
        std::_Exit(1);
    }
}

Mapping map_shared(const std::string& path) {
    const FileDescriptor file(path, O_RDWR);
    const auto size = ::lseek(file.get(), 0, SEEK_END);
    if (size <= 0)
        throw_error("share " + path + ", which is empty", EINVAL);
    return Mapping::file(file, static_cast<std::size_t>(size), path);
}

void serve(Device& device, Options options, const StopSignals& signals) {
    const auto target = make_target(options);
    const auto shared = options.shared.empty() ? Mapping() : map_shared(options.shared);
    if (shared) {
        device.share(shared);
        options.server.queue.shared = &shared;
    }
    if (device.queues() < options.device.queues)
        complain("there are only " + std::to_string(device.queues()) +
                 " queues, as many as processors");
    {
        Server server(device, target, options.server);
        start(server, device);
        std::cout << device.disk() << std::endl;
        signals.wait();
        server.stop();
    }
    device.remove();
}

void run(Options options) {
    const StopSignals signals;
    Control control;
    if (options.features) {
        print_features(control.features());
    } else if (options.remove) {
        control.name_node(*options.remove); // in case it belongs to another user
        control.remove(*options.remove);
    } else if (options.recover) {
        Device device(control, *options.recover);
        options.server.queue.mode = mode_of(device.flags());
        options.server.queue.batch_io = (device.flags() & UBLK_F_BATCH_IO) != 0;
        options.device.queues = device.queues();
        serve(device, options, signals);
    } else {
        Device device = create(control, options);
        serve(device, options, signals);
    }
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    try {
        run(options);
        return 0;
    } catch (const std::exception& error) {
        complain(error.what());
        return 1;
    }
}
