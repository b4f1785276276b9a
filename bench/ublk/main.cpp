// SPDX-License-Identifier: MIT
//
// ublk-target: serves a ublk device whose data is in memory or nowhere, as a peer for
// measuring. In the foreground; says the disk's path when it can be used, and goes with
// it at SIGTERM or SIGINT.
#include "bench/ublk/server.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <map>
#include <optional>

namespace {

using namespace userblk::bench::ublk;

constexpr std::uint64_t sector = 512;
constexpr std::uint64_t page = 4096;

enum class Type { null, memory };

struct Options {
    Type type = Type::null;
    DeviceConfig device;
    std::uint64_t max_io = 512 << 10;
    std::optional<DataMode> mode;
    ServerOptions server;
};

const std::map<std::string, Type> types{{"null", Type::null}, {"memory", Type::memory}};
const std::map<std::string, DataMode> modes{{"buffer", DataMode::buffer},
                                            {"get-data", DataMode::get_data},
                                            {"user-copy", DataMode::user_copy}};
const std::map<std::string, TaskRun> task_runs{{"coop", TaskRun::cooperative},
                                               {"defer", TaskRun::deferred}};

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
    if (options.device.size == 0 || options.device.size % sector != 0)
        throw CLI::ValidationError("--size", "wants a multiple of 512");
    if (options.max_io < page || options.max_io % page != 0 ||
        options.max_io > (1U << UBLK_IO_BUF_BITS))
        throw CLI::ValidationError("--max-io", "wants a multiple of 4K up to 32M");
}

Options parse(int argc, char** argv) {
    Options options;
    CLI::App app("Serves a ublk device, and prints its path when it can be used", "ublk-target");
    choice(app, "--type", types, options.type, "what is behind the device")->required();
    size(app, "--size", options.device.size, "of the device")->required();
    app.add_option("--queues", options.device.queues, "hardware queues, with a thread for each")
        ->check(CLI::Range(1U, UBLK_MAX_NR_QUEUES))
        ->capture_default_str();
    app.add_option("--depth", options.device.depth, "requests in flight of each queue")
        ->check(CLI::Range(1, UBLK_MAX_QUEUE_DEPTH))
        ->capture_default_str();
    size(app, "--max-io", options.max_io, "bytes of the largest request (default: 512K)");
    app.add_flag("--pin", options.server.pin,
                 "run each thread on the processors whose requests it takes");
    choice(app, "--data", modes, options.mode,
           "who copies data, and where to: buffer, get-data or user-copy (default: what was "
           "measured to be the fastest for the type)");
    choice(app, "--taskrun", task_runs, options.server.task_run,
           "when a thread takes what has come: coop or defer");
    try {
        app.parse(argc, argv);
        check(options);
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    }
    return options;
}

DataMode best_mode(Type) {
    return DataMode::user_copy;
}

// Blocked in every thread, and taken by wait() alone.
class StopSignals {
public:
    StopSignals() {
        ::sigemptyset(&set_);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            ::sigaddset(&set_, signal);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN); // the device is to be deleted whatever happens
    }
    void wait() const {
        int signal = 0;
        while (::sigwait(&set_, &signal) != 0) {
        }
    }

private:
    sigset_t set_{};
};

void run(Options options) {
    const StopSignals signals;
    options.server.mode = options.mode.value_or(best_mode(options.type));
    options.device.flags = flags_of(options.server.mode);
    options.device.max_io = static_cast<std::uint32_t>(options.max_io);
    Control control;
    if ((options.device.flags & ~control.features()) != 0)
        throw_error("have this --data, which the driver does not know", EOPNOTSUPP);
    const auto target =
        options.type == Type::memory ? Target::memory(options.device.size) : Target::null();
    Device device(control, options.device);
    if (device.queues() < options.device.queues)
        complain("there are only " + std::to_string(device.queues()) +
                 " queues, as many as processors");
    {
        Server server(device, target, options.server);
        server.start();
        std::cout << device.disk() << std::endl;
        signals.wait();
        server.stop();
    }
    device.remove();
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
