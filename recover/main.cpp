// SPDX-License-Identifier: MIT
#include "recover/watch.hpp"
#include "userblk/cli/explain.hpp"
#include "userblk/cli/help.hpp"
#include "userblk/cli/output.hpp"
#include "userblk/inspect/recover.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

namespace {

using namespace userblk;

constexpr const char* program = "userblk-recover";

struct Arguments {
    inspect::RecoverOptions recover;
    bool watch = false;
};

void declare(CLI::App& app, Arguments& arguments) {
    app.set_version_flag("--version", std::string(program) + " " USERBLK_VERSION,
                         "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    app.add_option("DEV", arguments.recover.devices,
                   "A number, userblkN, /dev/userblkN, /dev/userblkcN, or the device's name; "
                   "default: all devices")
        ->type_name("");
    app.add_flag(
        "--reset", arguments.recover.reset,
        "Put back the requests of dead processes; safe at any time. On a device whose store "
        "must be fenced first, those who serve it do that, and this is refused");
    app.add_flag("--watch", arguments.watch,
                 "Keep running: sleep, without periodic polling, until the kernel reports that a "
                 "process died while it held requests; print them, or with --reset put them back. "
                 "Without DEV, watch devices created later, too");
    app.add_flag("-J,--json", arguments.recover.json, "Print JSON; with --watch one text per line");
    inspect::add_selection_options(app, arguments.recover.selection);
    app.footer(
        "Exit status: 0 no request of a dead process is pending, 1 failure,\n2 invalid usage, "
        "3 requests of dead processes are pending (see --reset).");
    app.formatter(std::make_shared<cli::HelpFormatter>());
    app.failure_message(cli::usage_message);
}

int run(Arguments& arguments) {
    auto& options = arguments.recover;
    options.program = program;
    const bool forced = options.selection.forced();
    if (!arguments.watch) {
        options.reset |= forced;
        return inspect::recover(options, std::cout);
    }
    if (forced)
        throw cli::UsageError(
            "--watch puts back only requests of dead processes; use forced forms without it");
    recovery::Watcher({program, options.devices, options.reset, options.json}, std::cout).run();
    return cli::exit_success;
}

int run(int argc, char** argv) {
    CLI::App app(
        "Shows which requests of userblk devices are pending, which processes hold them and "
        "whether those are alive, and puts back the requests of dead ones",
        program);
    Arguments arguments;
    try {
        declare(app, arguments);
        app.parse(argc, argv);
        return run(arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? cli::exit_success : cli::exit_usage;
    } catch (const cli::UsageError& error) {
        cli::complain(program, error.what());
        return cli::exit_usage;
    } catch (const std::exception& error) {
        cli::complain(program, cli::explain(error));
        return cli::exit_failure;
    }
}

} // namespace

int main(int argc, char** argv) { // NOLINT(bugprone-exception-escape): no memory to complain
    cli::Output output;
    return output.finish(program, run(argc, argv));
}
