// SPDX-License-Identifier: MIT
#include "userblk/inspect/selection.hpp"

#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>

namespace userblk::inspect {

namespace {

constexpr const char* group = "Forced forms (one of them; the device must be named)";

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

} // namespace

void add_selection_options(CLI::App& app, Selection& selection) {
    auto* pid = app.add_option_function<std::vector<std::string>>(
        "--pid",
        [&selection](const std::vector<std::string>& texts) {
            for (const auto& text : texts)
                selection.pids.push_back(parsed("--pid", text, parse_pid));
        },
        "Put back the requests that process PID holds, even if it is alive. Make sure that it is "
        "stuck or stopped and will never write to its store again");
    pid->type_name("PID")
        ->expected(1)
        ->allow_extra_args(false) // "--pid 3 DEV": what follows is the device
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    auto* older = app.add_option_function<std::string>(
        "--older-than",
        [&selection](const std::string& text) {
            selection.older_than = parsed(
                "--older-than", text, [](const std::string& time) { return parse_duration(time); });
        },
        "Put back requests held longer than TIME (30s, 2min) by any process. Make sure that no "
        "holder is merely slow: it may still write to its store");
    older->type_name("TIME");
    auto* id = app.add_option_function<std::vector<std::string>>(
        "--id",
        [&selection](const std::vector<std::string>& texts) {
            for (const auto& text : texts)
                selection.ids.push_back(parsed("--id", text, parse_id));
        },
        "Put back one request, by the ID printed. Make sure that its holder will no longer write "
        "to its store for it");
    id->type_name("ID")
        ->expected(1)
        ->allow_extra_args(false) // "--pid 3 DEV": what follows is the device
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    auto* all = app.add_flag("--all", selection.all,
                             "Put back all taken requests. Make sure that no process is still "
                             "working on the device's store");
    for (auto* option : {pid, older, id, all}) {
        option->group(group);
        for (auto* other : {pid, older, id, all})
            if (other != option)
                option->excludes(other);
    }
}

std::uint32_t put_back(const abi::ControlNode& node, const Selection& selection) {
    if (!selection.forced())
        return node.reset_dead();
    if (selection.all)
        return node.reset_all();
    std::uint32_t count = 0;
    if (selection.older_than)
        count += node.reset_older(*selection.older_than);
    for (const auto pid : selection.pids)
        count += node.reset_pid(pid);
    for (const auto id : selection.ids)
        count += node.reset_id(id);
    return count;
}

} // namespace userblk::inspect
