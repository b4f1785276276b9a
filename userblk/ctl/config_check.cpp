// SPDX-License-Identifier: MIT
#include "userblk/ctl/config_check.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace userblk::ctl {

namespace {

constexpr std::uint32_t most_physical = 1U << 20;
constexpr std::uint32_t least_chunk = 4096;
constexpr std::uint32_t most_chunk = 1U << 30;
constexpr std::uint32_t most_granularity = 1U << 31;
constexpr std::uint64_t most_size = std::numeric_limits<std::int64_t>::max();

std::uint32_t or_default(std::uint32_t value, std::uint32_t standard) {
    return value == 0 ? standard : value;
}

// 0 selects the default.
void check_power(const char* option, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
    if (value == 0 || (std::has_single_bit(value) && value >= least && value <= most))
        return;
    throw UsageError(std::string(option) + ": " + std::to_string(value) +
                     " is invalid; expected a power of two from " + format_size(least) + " to " +
                     format_size(most));
}

void check_multiple(const char* option, std::uint32_t value, std::uint32_t of) {
    if (value % of != 0)
        throw UsageError(std::string(option) + ": " + std::to_string(value) +
                         " is not a multiple of the physical block size, " + std::to_string(of));
}

void check_blocks(const DeviceConfig& config) {
    check_power("--block-size", config.logical_block_size, USERBLK_MIN_BLOCK_SIZE,
                USERBLK_MAX_BLOCK_SIZE);
    const auto logical = or_default(config.logical_block_size, USERBLK_DEFAULT_BLOCK_SIZE);
    check_power("--physical-block-size", config.physical_block_size, logical, most_physical);
    const auto physical =
        or_default(config.physical_block_size, std::max(logical, USERBLK_DEFAULT_PHYSICAL_SIZE));
    check_multiple("--io-min", config.io_min, physical);
    check_multiple("--io-opt", config.io_opt, physical);
    if (config.discard)
        check_power("--discard-granularity", config.discard_granularity, logical, most_granularity);
    else if (config.discard_granularity != 0)
        throw UsageError("--discard-granularity has no effect on a device without discard");
    check_size(config.size, logical, "--size");
}

void check_queues(const DeviceConfig& config) {
    const auto queues = or_default(config.queues, USERBLK_DEFAULT_QUEUES);
    const auto depth = or_default(config.depth, USERBLK_DEFAULT_DEPTH);
    if (queues > USERBLK_MAX_QUEUES)
        throw UsageError("--queues: at most " + std::to_string(USERBLK_MAX_QUEUES));
    if (depth > USERBLK_MAX_DEPTH)
        throw UsageError("--depth: at most " + std::to_string(USERBLK_MAX_DEPTH));
    const auto most = std::bit_floor(USERBLK_MAX_SLOTS / queues);
    if (std::bit_ceil(depth) > most)
        throw UsageError("--depth: " + format_count(queues, "queue") + " of " +
                         std::to_string(depth) + " exceeds the limit of " +
                         std::to_string(USERBLK_MAX_SLOTS) +
                         " requests per device; expected at most " + std::to_string(most) +
                         " for this many queues");
}

} // namespace

void check_size(std::uint64_t size, std::uint32_t logical_block_size, const std::string& option) {
    const auto block = or_default(logical_block_size, USERBLK_DEFAULT_BLOCK_SIZE);
    if (size == 0)
        throw UsageError(option + ": a device cannot have size 0; the minimum is " +
                         std::to_string(block) + " bytes");
    if (size % block != 0)
        throw UsageError(option + ": " + format_count(size, "byte") +
                         " is not a multiple of the block size, " + std::to_string(block) +
                         "; expected one, such as " + std::to_string(size / block * block + block));
    if (size > most_size)
        throw UsageError(option + ": " + format_size(size) +
                         " is too large; it must be less than " + format_size(most_size));
}

void check_name(const std::string& name) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._+:-";
    constexpr std::string_view digits = "0123456789";
    const auto refuse = [&name](const std::string& why) {
        throw UsageError("--name: \"" + name + "\" " + why);
    };
    if (name.empty())
        return;
    if (name.size() >= USERBLK_NAME_LEN)
        refuse("is too long; expected at most " + std::to_string(USERBLK_NAME_LEN - 1) +
               " characters");
    if (name.find_first_not_of(allowed) != std::string::npos || name[0] == '.' || name[0] == '-')
        refuse("is invalid; a name consists of letters, digits and \"._+:-\", and does not begin "
               "with \".\" or \"-\"");
    const auto is_number = [&](std::string_view text) {
        return !text.empty() && text.find_first_not_of(digits) == std::string_view::npos;
    };
    if (is_number(name) || (name.starts_with("userblk") && is_number(name.substr(7))) ||
        (name.starts_with("userblkc") && is_number(name.substr(8))))
        refuse("looks like the number of a device; a name must contain a letter and not have the "
               "form userblkN or userblkcN");
}

void check_config(const DeviceConfig& config) {
    check_name(config.name);
    check_blocks(config);
    check_power("--max-transfer", config.max_transfer, USERBLK_MIN_TRANSFER, USERBLK_MAX_TRANSFER);
    check_power("--chunk-size", config.chunk_size, least_chunk, most_chunk);
    check_queues(config);
}

} // namespace userblk::ctl
