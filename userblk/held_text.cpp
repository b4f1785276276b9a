// SPDX-License-Identifier: MIT
#include "userblk/held_text.hpp"

#include "userblk/units.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

namespace userblk {

namespace {

constexpr std::size_t looked_at = 1024;
constexpr std::size_t named = 3;

std::string name_of(const userblk_taken& taken) {
    constexpr std::array names = {"read", "write", "flush", "discard", "write-zeroes"};
    std::string text = taken.op < names.size() ? names[taken.op] : "request";
    if (taken.length > 0)
        text += " of " + format_size(taken.length) + " at " + std::to_string(taken.offset);
    char id[48];
    std::snprintf(id, sizeof(id), " (0x%llx, delivery %u)",
                  static_cast<unsigned long long>(taken.id), taken.deliveries);
    return text + id;
}

} // namespace

std::string held_text(const abi::ControlNode& node, pid_t pid) noexcept {
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
