// SPDX-License-Identifier: MIT
// A thin-provisioned volume: blocks take space when they are first written. See docs/thin.md.
#include "block_map.hpp"
#include "commands.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

namespace thin {

namespace {

constexpr int failure = 1;
constexpr int wrong_usage = 2;

using Command = std::function<int()>;

struct Options {
    Files files;
    CreateOptions create;
    ServeOptions serve;
    InfoOptions info;
};

CLI::App* add_command(CLI::App& app, Options& options, const std::string& name,
                      const std::string& summary) {
    auto* command = app.add_subcommand(name, summary);
    command->add_option("STORE", options.files.store, "file or block device with the data")
        ->required();
    command
        ->add_option("-m,--map", options.files.map,
                     "file with the block map; default STORE.map, required for a block "
                     "device")
        ->type_name("FILE");
    return command;
}

void add_create(CLI::App& app, Options& options, Command& chosen) {
    auto* command = add_command(app, options, "create", "Create a volume; allocates nothing");
    command->add_option("-s,--size", options.create.size, "of the volume, such as 10G")
        ->required()
        ->type_name("SIZE");
    command
        ->add_option("-b,--block", options.create.block,
                     "unit of allocation, 4K to 16M; default 64K, more for a volume above "
                     "256G")
        ->type_name("SIZE");
    command
        ->add_option("-l,--limit", options.create.limit,
                     "maximum size of the store: once it is reached, discarded space is "
                     "reused, and when none is left writes fail with ENOSPC")
        ->type_name("SIZE");
    command
        ->add_option("--log-records", options.create.spare,
                     "records in the log before it is rewritten, 32 bytes each")
        ->check(CLI::Range(std::uint64_t(128), Header::most_spare))
        ->capture_default_str();
    command->add_flag("--force", options.create.force,
                      "use a block device, and destroy its content");
    command->callback([&] { chosen = [&] { return create(options.files, options.create); }; });
}

std::string not_empty(const std::string& name) {
    return name.empty() ? "a name has at least one letter; for a device without a name, omit --name"
                        : "";
}

void add_serve(CLI::App& app, Options& options, Command& chosen) {
    auto* command = add_command(app, options, "serve", "Serve a volume as a block device");
    auto& serve_options = options.serve;
    command->add_option("DEV", serve_options.dev,
                        "device to serve: a number, userblkN, a node or a name; default: create "
                        "one, and remove it on exit");
    command->add_option("--name", serve_options.name, "name of the device to create")
        ->check(not_empty);
    command->add_option("-w,--workers", serve_options.workers, "worker processes")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    command->add_option("-t,--threads", serve_options.threads, "threads per worker")
        ->check(CLI::Range(1U, 1024U))
        ->capture_default_str();
    command->add_option("--wait", serve_options.wait, "how workers wait for requests")
        ->check(CLI::IsMember({"poll", "serve"}))
        ->capture_default_str();
    command->add_flag("-k,--keep", serve_options.keep, "keep the device on exit");
    command->add_flag("-v,--verbose", serve_options.verbose, "log more");
    command->callback([&] { chosen = [&] { return serve(options.files, options.serve); }; });
}

void add_reports(CLI::App& app, Options& options, Command& chosen) {
    auto* command = add_command(app, options, "info", "Show what is allocated");
    command->add_flag("--json", options.info.json, "print JSON; sizes in bytes");
    command->add_flag("--extents", options.info.extents,
                      "show the extents and their place in the store");
    command->callback([&] { chosen = [&] { return info(options.files, options.info); }; });
    command = add_command(app, options, "check", "Check a volume's block map");
    command->callback([&] { chosen = [&] { return check(options.files); }; });
}

int run(int argc, char** argv) {
    CLI::App app("A thin-provisioned volume: blocks take space when they are first written.",
                 "thin");
    app.require_subcommand(1);
    app.footer("Exit status: 0 success, 1 failure, 2 invalid usage.");
    Options options;
    Command chosen;
    add_create(app, options, chosen);
    add_serve(app, options, chosen);
    add_reports(app, options, chosen);
    try {
        app.parse(argc, argv);
        return chosen();
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong_usage;
    }
}

} // namespace

} // namespace thin

int main(int argc, char** argv) {
    const auto complain = [](const std::exception& error) {
        std::cerr << "thin: " << error.what() << std::endl;
    };
    try {
        return thin::run(argc, argv);
    } catch (const std::invalid_argument& error) {
        complain(error);
        return thin::wrong_usage;
    } catch (const std::exception& error) {
        complain(error);
        return thin::failure;
    }
}
