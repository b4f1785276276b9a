// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/statistics.hpp"

#include <cstring>
#include <sstream>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

namespace {

constexpr const char* actions[] = {"complete", "fetch", "store", "give-back", "adopt", "redirect"};

std::string line(const std::string& name, const std::atomic<std::uint32_t> (&counts)[errors]) {
    std::ostringstream text;
    for (std::size_t error = 0; error < errors; error++) {
        if (!counts[error])
            continue;
        const char* what = error ? strerrorname_np(static_cast<int>(error)) : "ok";
        text << ' ' << (what ? what : "?") << ' ' << counts[error];
    }
    return text.str().empty() ? "" : "  " + name + ":" + text.str() + "\n";
}

} // namespace

std::string histogram(const Shared& shared) {
    std::string text;
    for (std::size_t kind = 0; kind < kinds; kind++)
        text += line(std::string(schema(static_cast<Kind>(kind)).name), shared.counts[kind]);
    for (std::size_t action = 0; action < std::size(actions); action++)
        text += line(std::string("answer ") + actions[action], shared.answers[action]);
    return text;
}

std::string what_is_missing(const Shared& shared, bool privileged) {
    for (std::size_t kind = 0; kind < kinds; kind++) {
        const auto of = static_cast<Kind>(kind);
        const bool controls = of <= Kind::list;
        const std::string name(schema(of).name);
        // These make no call of their own, or one that always fails.
        if (of == Kind::answer || of == Kind::extent || of == Kind::map)
            continue;
        if (controls && !privileged && shared.counts[kind][0])
            return name + " succeeded without privilege";
        if ((!controls || privileged) && !shared.counts[kind][0])
            return name + " never succeeded";
    }
    for (std::size_t action = 0; action < std::size(actions); action++)
        if (!shared.answers[action][0])
            return std::string("no answer succeeded to ") + actions[action];
    return {};
}

} // namespace userblk::fuzz
