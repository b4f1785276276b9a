// SPDX-License-Identifier: MIT
// The options of "userblkctl create", one argument per line: refused with a message, or a device
// within all limits of the ABI.
#include "fuzz.hpp"

#include "ioctl/userblk_ioctl.h"
#include "userblk/cli/explain.hpp"
#include "userblk/ctl/command_line.hpp"
#include "userblk/ctl/config_check.hpp"
#include "userblk/ctl/device_options.hpp"

#include <CLI/CLI.hpp>
#include <sstream>

using namespace userblk;

namespace {

// In reverse order, as CLI11 expects them.
std::vector<std::string> arguments_of(const std::uint8_t* data, std::size_t size) {
    std::istringstream lines{std::string(fuzz::text_of(data, size))};
    std::vector<std::string> arguments;
    for (std::string line; std::getline(lines, line);)
        arguments.insert(arguments.begin(), line);
    return arguments;
}

void check(const DeviceConfig& config) {
    fuzz::require(config.size > 0 && config.size % USERBLK_MIN_BLOCK_SIZE == 0, "whole sectors");
    fuzz::require(config.queues <= USERBLK_MAX_QUEUES && config.depth <= USERBLK_MAX_DEPTH &&
                      std::uint64_t(config.queues) * config.depth <= USERBLK_MAX_SLOTS,
                  "as many requests as there may be");
    fuzz::require(config.max_transfer <= USERBLK_MAX_TRANSFER,
                  "no larger transfers than there are");
    fuzz::require(!config.number || *config.number < USERBLK_MAX_DEVICES, "no larger numbers");
    fuzz::require(config.name.size() < USERBLK_NAME_LEN, "a name that there is room for");
    fuzz::require(config.mode <= 0777, "permissions and nothing else");
    fuzz::require(config.queue_limit >= std::chrono::nanoseconds(0), "no negative limit");
    ctl::check_config(config);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto arguments = arguments_of(data, size);
    for (const auto& argument : arguments)
        if (argument.starts_with("--o") || argument.starts_with("--g"))
            return -1; // looks up system users, which is slow
    CLI::App app;
    ctl::DeviceOptions options;
    ctl::CommandLine line(app);
    options.declare(line);
    try {
        app.parse(arguments);
        check(options.apply({}));
    } catch (const CLI::Error&) {
    } catch (const cli::UsageError&) {
    }
    return 0;
}
