// SPDX-License-Identifier: MIT
#include "userblk/cli/help.hpp"
#include "userblk/cli/output.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/pool.hpp"

#include <Poco/Exception.h>
#include <clocale>
#include <csignal>
#include <iostream>

namespace userblk::ctl {

namespace {

std::vector<std::string> arguments;

// The command and the parser of its options.
struct Entry {
    std::unique_ptr<Command> command;
    CLI::App* app;
};

std::vector<Entry> declare(CLI::App& app) {
    app.set_version_flag("--version", std::string(program_name) + " " USERBLK_VERSION,
                         "Print the version and exit");
    app.set_help_flag("-h,--help", "Print this help and exit");
    const auto formatter = std::make_shared<cli::HelpFormatter>();
    formatter->label("SUBCOMMAND", "COMMAND");
    app.formatter(formatter);
    app.failure_message(cli::usage_message);
    app.require_subcommand(0, 1);
    app.footer("Try 'userblkctl COMMAND --help' for a command's own options.\n"
               "Exit status: 0 success, 1 failure, 2 invalid usage.");
    std::vector<Entry> entries;
    for (auto& command : all_commands()) {
        auto* parser = app.add_subcommand(command->name(), command->summary());
        parser->group("Commands");
        const auto details = command->details();
        if (!details.empty())
            parser->footer(cli::fold(details, 0, 80));
        CommandLine line(*parser);
        command->declare(line);
        entries.push_back({std::move(command), parser});
    }
    return entries;
}

int run(CLI::App& app, const std::vector<Entry>& entries) {
    for (const auto& entry : entries)
        if (entry.app->parsed())
            return entry.command->run();
    std::cerr << app.help();
    return cli::exit_usage;
}

// The given command, for usage messages.
std::string given_command(const std::vector<Entry>& entries) {
    for (const auto& entry : entries)
        if (entry.app->parsed())
            return std::string(program_name) + " " + entry.command->name();
    return program_name;
}

int run(int argc, char** argv) {
    CLI::App app("Creates, serves and manages block devices whose driver is a set of ordinary "
                 "processes",
                 program_name);
    std::vector<Entry> entries;
    try {
        entries = declare(app);
        app.parse(argc, argv);
        return run(app, entries);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0)
            Pool::go_back(error.what()); // a reload has executed this program
        return app.exit(error) == 0 ? exit_success : cli::exit_usage;
    } catch (const UsageError& error) {
        const auto command = given_command(entries);
        cli::complain(command, std::string(error.what()) + "\nTry '" + command + " --help'.");
        return cli::exit_usage;
    } catch (const Poco::Exception& error) {
        cli::complain(program_name, error.displayText());
    } catch (const std::exception& error) {
        cli::complain(program_name, cli::explain(error));
    }
    return exit_failure;
}

} // namespace

const std::vector<std::string>& program_arguments() {
    return arguments;
}

int main(int argc, char** argv) { // NOLINT(bugprone-exception-escape): no memory to complain
    arguments.assign(argv, argv + argc);
    // The character set, for tables; numbers keep the C format.
    std::setlocale(LC_CTYPE, "");
    // The parent may ignore SIGCHLD, and then no child can be waited for.
    ::signal(SIGCHLD, SIG_DFL);
    cli::Output output;
    return output.finish(program_name, run(argc, argv));
}

} // namespace userblk::ctl

int main(int argc, char** argv) { // NOLINT(bugprone-exception-escape)
    return userblk::ctl::main(argc, argv);
}
