// SPDX-License-Identifier: MIT
#include "userblk/inspect/selection.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>
#include <vector>

namespace userblk::inspect {

namespace {

constexpr const char* group = "Forced forms (the device must be named)";

pid_t parse_pid(const std::string& text) {
    pid_t pid = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
    if (error != std::errc() || rest != text.data() + text.size() || pid < 1)
        throw std::invalid_argument("invalid process id \"" + text +
                                    "\"; expected a whole number from 1 up");
    return pid;
}

// Turns a parser's exception into a message about the option.
template <typename Parse>
auto parsed(const char* option, const std::string& text, Parse parse) {
    try {
        return parse(text);
    } catch (const std::invalid_argument& error) {
        throw CLI::ValidationError(option, error.what());
    }
}

// An option that may be given several times. Each time it takes one word: in "--pid 3 DEV" what
// follows is the device.
template <typename T, typename Parse>
CLI::Option* add_repeatable(CLI::App& app, const char* name, const char* value,
                            std::vector<T>& values, Parse parse, const char* help) {
    return app
        .add_option_function<std::vector<std::string>>(
            name,
            [name, &values, parse](const std::vector<std::string>& texts) {
                for (const auto& text : texts)
                    values.push_back(parsed(name, text, parse));
            },
            help)
        ->type_name(value)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

} // namespace

void add_selection_options(CLI::App& app, Selection& selection) {
    auto* pid = add_repeatable(
        app, "--pid", "PID", selection.pids, parse_pid,
        "Put back the requests that process PID holds, even if it is alive. Make sure that it is "
        "stuck or stopped and will never write to its store again");
    auto* older = app.add_option_function<std::string>(
        "--older-than",
        [&selection](const std::string& text) {
            selection.older_than = parsed(
                "--older-than", text, [](const std::string& time) { return parse_duration(time); });
        },
        "Put back requests held longer than TIME (30s, 2min) by any process. Make sure that no "
        "holder is merely slow: it may still write to its store");
    older->type_name("TIME");
    auto* id = add_repeatable(
        app, "--id", "ID", selection.ids, parse_id,
        "Put back one request, by the ID printed. Make sure that its holder will no longer write "
        "to its store for it");
    auto* all = app.add_flag("--all", selection.all,
                             "Put back all taken requests. Make sure that no process is still "
                             "working on the device's store");
    app.add_flag("--force", selection.force,
                 "Put requests back even if the writes of their dead holders may still land in the "
                 "store (store class fenced or unfenced). Make sure that none can")
        ->group(group);
    for (auto* option : {pid, older, id, all}) {
        option->group(group);
        for (auto* other : {pid, older, id, all})
            if (other != option)
                option->excludes(other);
    }
}

namespace {

std::uint32_t reset(const abi::ControlNode& node, const Selection& selection) {
    const std::uint32_t flags = selection.force ? USERBLK_RESET_FORCED : 0;
    if (selection.all)
        return node.reset_all(flags);
    if (selection.older_than)
        return node.reset_older(*selection.older_than, flags);
    if (selection.pids.empty() && selection.ids.empty())
        return node.reset_dead(flags);
    std::uint32_t count = 0;
    for (const auto pid : selection.pids)
        count += node.reset_pid(pid, flags);
    for (const auto id : selection.ids)
        count += node.reset_id(id, flags);
    return count;
}

std::string not_fenced_text(const abi::ControlNode& node) {
    const auto config = node.info().device.config;
    const auto device = abi::disk_name(node.number());
    std::string text = device + ": nothing was put back: the writes of processes that held "
                                "requests may still land in the store, and overwrite newer data. ";
    if (config.store_class == USERBLK_STORE_FENCED)
        text += "A process that serves the device fences the store first, and then puts them back: "
                "start one (userblkctl serve " +
                device + " STORE). ";
    else if (config.store_wait_ns != 0)
        text += "They can be put back " +
                format_duration(std::chrono::nanoseconds(config.store_wait_ns)) +
                " after the death of these processes; those that serve the device do it then. ";
    return text + "If you know that none of these writes can land any more, use --force";
}

} // namespace

StoreNotFenced::StoreNotFenced(const abi::ControlNode& node) : Failure(not_fenced_text(node)) {}

std::uint32_t put_back(const abi::ControlNode& node, const Selection& selection) {
    try {
        return reset(node, selection);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::owner_dead)
            throw;
        throw StoreNotFenced(node);
    }
}

} // namespace userblk::inspect
