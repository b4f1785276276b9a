// SPDX-License-Identifier: MIT
#include "userblk/run.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/device.hpp"
#include "userblk/serve_device.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/units.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>
#include <variant>

namespace userblk {

namespace {

constexpr int failure = 1;
constexpr int wrong_usage = 2;

struct Options {
    std::string dev; // empty: create a device
    std::string size = "64M";
    bool size_given = false;
    std::string name;
    unsigned workers = 2;
    unsigned threads = 1;
    std::string wait = "serve";
    bool read_only = false;
    bool keep = false;
    bool share = false;
    bool verbose = false;
    std::vector<std::string> arguments; // after "--"
};

std::string not_empty(const std::string& name) {
    return name.empty() ? "a name has at least one letter; for a device without a name, omit --name"
                        : "";
}

// Declares and parses the options; throws CLI::ParseError.
Options parse(int argc, char** argv) {
    Options options;
    const auto end = std::find(argv, argv + argc, std::string_view("--"));
    if (end != argv + argc)
        options.arguments.assign(end + 1, argv + argc);
    CLI::App app("Serves a block device.");
    app.footer("Arguments after \"--\" are the driver's own.");
    app.add_option("DEV", options.dev,
                   "device to serve: a number, userblkN, a node or a name; "
                   "default: create one, and remove it on exit");
    const auto* size =
        app.add_option("-s,--size", options.size,
                       "size of the device to create; at most the size of the store, "
                       "if that has one")
            ->capture_default_str();
    app.add_option("--name", options.name, "name of the device to create")->check(not_empty);
    app.add_option("-w,--workers", options.workers, "worker processes")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    app.add_option("-t,--threads", options.threads, "threads per worker")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    app.add_option("--wait", options.wait, "how workers wait for requests")
        ->check(CLI::IsMember({"poll", "serve"}))
        ->capture_default_str();
    app.add_flag("-r,--read-only", options.read_only, "create a read-only device");
    app.add_flag("-k,--keep", options.keep, "keep the device on exit");
    app.add_flag("--share", options.share,
                 "join processes that already serve DEV with the same store as this driver");
    app.add_flag("-v,--verbose", options.verbose, "log more");
    try {
        app.parse(static_cast<int>(end - argv), argv);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        throw;
    }
    options.size_given = size->count() > 0;
    return options;
}

std::string sizes(std::uint64_t bytes) {
    return format_size(bytes) + " (" + std::to_string(bytes) + " bytes)";
}

// A store may have a size of its own; the device may be smaller.
void check_size(const RunArguments& arguments, const Description& store, const std::string& what) {
    if (arguments.size_given && store.size != 0 && arguments.size > store.size)
        throw std::runtime_error(what + " " + sizes(arguments.size) + ", but the store has only " +
                                 sizes(store.size));
}

Device open_or_create(const Options& options, const Description& store,
                      const RunArguments& arguments) {
    check_size(arguments, store, options.dev.empty() ? "--size is" : options.dev + " has");
    if (!options.dev.empty() && store.read_only && !arguments.read_only)
        throw std::runtime_error(
            "the store is read-only, but " + options.dev +
            " is not, and its writes would fail; create the device with --read-only");
    if (!options.dev.empty())
        return Device::open(options.dev);
    auto config = DeviceConfig::for_backend(store);
    if (config.size == 0 || arguments.size_given)
        config.size = arguments.size;
    config.name = options.name;
    config.read_only |= options.read_only;
    return Device::create(config);
}

RunArguments run_arguments(const Options& options) {
    RunArguments arguments;
    arguments.arguments = options.arguments;
    if (options.dev.empty()) {
        arguments.size = parse_size(options.size);
        if (arguments.size == 0)
            throw std::invalid_argument("--size: a device cannot have size 0; expected a multiple "
                                        "of the block size, such as 64M");
        arguments.size_given = options.size_given;
        arguments.read_only = options.read_only;
    } else {
        const auto context = Device::open(options.dev).context();
        arguments.size = context.size;
        arguments.size_given = true;
        arguments.read_only = context.read_only;
    }
    return arguments;
}

unsigned servers_of(const Device& device) {
    const auto info = device.node().info().device;
    return (info.features & USERBLK_FEATURE_SERVERS) != 0 ? info.servers : 0;
}

// One store, one device: without files there are no locks that could tell whether the store is
// the one that the device is served with. So it must be the only one, from now on. Those who serve
// may be about to exit, and may be workers without locks.
void reserve_device(const Device& device) {
    constexpr auto limit = std::chrono::seconds(5);
    constexpr auto interval = std::chrono::milliseconds(50);
    const auto start = std::chrono::steady_clock::now();
    bool reserved = reserve_node(device.node());
    for (auto servers = servers_of(device); !reserved || servers > 0;
         servers = servers_of(device)) {
        if (std::chrono::steady_clock::now() - start >= limit)
            throw std::runtime_error(
                abi::disk_name(device.number()) + " is already served by " +
                (servers > 0 ? format_count(servers, "worker") : "another process") +
                ", and this driver does not name its store; two stores would mix their data. Stop "
                "what serves it first (\"userblkctl info " +
                std::to_string(device.number()) +
                "\" lists the processes), or use --share if they have the same store");
        std::this_thread::sleep_for(interval);
        reserved = reserved || reserve_node(device.node());
    }
}

void check(const Options& options) {
    if (!options.dev.empty() && (options.size_given || !options.name.empty() || options.read_only))
        throw std::invalid_argument("--size, --name and --read-only are for a new device; " +
                                    options.dev + " exists already");
}

using MakeStore = std::variant<MakeBackend, MakeAsyncBackend>;

StoreFactory factory_of(const MakeStore& make, const RunArguments& arguments) {
    if (const auto* const blocking = std::get_if<MakeBackend>(&make))
        return [backend = (*blocking)(arguments)](const DeviceContext&) { return backend; };
    return [make = std::get<MakeAsyncBackend>(make),
            arguments](const DeviceContext&, EventLoop& loop) { return make(arguments, loop); };
}

int serve(const Options& options, const MakeStore& make, const std::string& program) {
    check(options);
    const auto log = log_to_stderr(program, options.verbose ? LogLevel::debug : LogLevel::notice);
    const auto arguments = run_arguments(options);
    const auto factory = factory_of(make, arguments);
    auto store = open_store(factory, {});
    const Device device = open_or_create(options, store->describe(), arguments);
    if (!options.share && store->store_files().empty())
        reserve_device(device); // until its node is closed, here and in the workers
    store.reset();              // connections, for example, are the workers'
    const bool temporary = options.dev.empty() && !options.keep;
    PoolOptions pool;
    pool.workers = options.workers;
    pool.worker.threads = options.threads;
    pool.worker.wait = options.wait == "serve" ? WaitMode::serve : WaitMode::poll;
    pool.program = program;
    pool.worker.store = program;
    pool.worker.share = options.share;
    pool.log = log;
    return serve_device(device, factory, pool, temporary,
                        "Serve it again, or remove it with: userblkctl remove --force " +
                            std::to_string(device.number()));
}

int run_any(int argc, char** argv, const MakeStore& make) {
    std::string program = argc > 0 ? argv[0] : "driver";
    program.erase(0, program.find_last_of('/') + 1);
    const auto complain = [&program](const std::string& text) {
        std::cerr << program << ": " << text << std::endl;
    };
    try {
        return serve(parse(argc, argv), make, program);
    } catch (const CLI::CallForHelp&) {
        return 0;
    } catch (const CLI::ParseError& error) {
        complain(std::string(error.what()) + " (see --help)");
        return wrong_usage;
    } catch (const std::invalid_argument& error) {
        complain(error.what());
        return wrong_usage;
    } catch (const std::exception& error) {
        complain(error.what());
        return failure;
    }
}

} // namespace

int run(int argc, char** argv, const MakeBackend& make) {
    return run_any(argc, argv, make);
}

int run(int argc, char** argv, const MakeAsyncBackend& make) {
    return run_any(argc, argv, make);
}

} // namespace userblk
