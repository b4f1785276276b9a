// SPDX-License-Identifier: MIT
#include "userblk/inspect/recover.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/cli/explain.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/units.hpp"

#include <ostream>

namespace userblk::inspect {

namespace {

void print_put_back(std::ostream& out, std::uint32_t number, std::uint32_t count) {
    out << abi::disk_name(number) << ": ";
    if (count == 0)
        out << "nothing to put back\n";
    else
        out << "put " << requests_text(count) << " back into the queue\n";
}

// Handles one device. Returns whether requests of dead processes are pending at the end.
bool recover_device(const RecoverOptions& options, std::uint32_t number, std::ostream& out,
                    cli::JsonWriter& json) {
    const auto node = open_node(number);
    const auto before = survey(node);
    const auto count = options.reset ? put_back(node, options.selection) : 0;
    if (options.json) {
        json.begin_object();
        write(json, before);
        if (options.reset)
            json.member("put_back", count);
        json.end_object();
    } else {
        if (options.show)
            print(out, before);
        if (options.reset)
            print_put_back(out, number, count);
    }
    return options.reset ? survey(node).orphaned > 0 : before.orphaned > 0;
}

} // namespace

std::string requests_text(std::uint64_t count) {
    return format_count(count, "request");
}

int recover(const RecoverOptions& options, std::ostream& out) {
    if (options.selection.forced() && options.devices.empty())
        throw cli::UsageError("a forced form requires a device; name one");
    std::vector<std::string> devices = options.devices;
    if (devices.empty())
        for (const auto number : abi::device_numbers())
            devices.push_back(std::to_string(number));
    bool failed = false;
    bool pending = false;
    cli::JsonWriter json(cli::JsonWriter::Layout::indented);
    json.begin_array();
    for (const auto& device : devices) {
        try {
            pending |= recover_device(options, abi::find_device(device), out, json);
        } catch (const std::exception& error) {
            cli::complain(options.program, cli::explain(error));
            failed = true;
        }
    }
    json.end_array();
    if (options.json)
        out << json.text() << '\n';
    return failed ? cli::exit_failure : pending ? cli::exit_pending : cli::exit_success;
}

} // namespace userblk::inspect
