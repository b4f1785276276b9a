// SPDX-License-Identifier: MIT
#include "userblk/inspect/describe_requests.hpp"

#include "userblk/units.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

namespace userblk {

namespace {

constexpr std::size_t looked_at = 1024;
constexpr std::size_t named = 3;

constexpr unsigned deadly = 3; // deliveries

std::string name_of(const userblk_taken& taken) {
    const auto text = describe_request(taken.op, taken.offset, taken.length);
    char id[48];
    std::snprintf(id, sizeof(id), " (0x%llx, delivery %u)",
                  static_cast<unsigned long long>(taken.id), taken.deliveries);
    return text + id;
}

} // namespace

std::string describe_request(std::uint16_t op, std::uint64_t offset, std::uint64_t length) {
    constexpr std::array names = {"read", "write", "flush", "discard", "write-zeroes"};
    std::string text = op < names.size() ? names[op] : "request";
    if (length > 0)
        text += " of " + format_size(length) + " at " + std::to_string(offset);
    return text;
}

std::string describe_suspect_request(const abi::ControlNode& node) noexcept {
    try {
        const auto info = node.info(looked_at);
        if (info.device.config.delivery_limit != 0)
            return {};
        for (const auto& taken : info.taken) {
            const bool orphan = (taken.flags & USERBLK_TAKEN_ORPHAN) != 0;
            if (taken.deliveries >= deadly + (orphan ? 0 : 1))
                return describe_request(taken.op, taken.offset, taken.length);
        }
    } catch (const std::exception&) {
    }
    return {};
}

std::string describe_held_requests(const abi::ControlNode& node, pid_t pid) noexcept {
    try {
        auto taken = node.info(looked_at).taken;
        std::erase_if(taken, [=](const userblk_taken& one) { return one.pid != pid; });
        std::string text;
        for (std::size_t i = 0; i < std::min(taken.size(), named); ++i)
            text += (text.empty() ? ", holding " : ", ") + name_of(taken[i]);
        if (taken.size() > named)
            text += " and " + std::to_string(taken.size() - named) + " more";
        return text;
    } catch (const std::exception&) {
        return {};
    }
}

} // namespace userblk
