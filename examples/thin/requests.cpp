// SPDX-License-Identifier: MIT
#include "requests.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace thin {

namespace {

using Kind = userblk::Operation::Kind;

constexpr std::chrono::milliseconds pause(1), patience(1000);

std::uint16_t op_of(Kind kind) {
    switch (kind) {
    case Kind::read:
        return USERBLK_OP_READ;
    case Kind::write:
        return USERBLK_OP_WRITE;
    case Kind::flush:
        return USERBLK_OP_FLUSH;
    case Kind::discard:
        return USERBLK_OP_DISCARD;
    case Kind::write_zeroes:
        return USERBLK_OP_WRITE_ZEROES;
    }
    return 0;
}

} // namespace

DeviceRequests::DeviceRequests(std::uint32_t device) : node_(device) {
    const auto config = node_.info().device.config;
    most_ = std::size_t(config.queues) * config.depth;
}

bool DeviceRequests::have(const userblk::Operation& operation) const {
    const auto taken = node_.info(most_).taken;
    return std::any_of(taken.begin(), taken.end(), [&](const userblk_taken& request) {
        return request.pid == ::getpid() && request.op == op_of(operation.kind) &&
               request.offset == operation.offset && request.length == operation.length;
    });
}

// An unfinished request is taken, or was redirected after it was taken: reading the taken
// ones first and the redirected ones second misses none.
std::optional<std::vector<Requests::Range>> DeviceRequests::under_way() const {
    std::vector<Range> ranges;
    for (const auto& request : node_.info(most_).taken)
        ranges.push_back({request.offset, request.length});
    for (auto left = patience; node_.info().device.redirected > 0; left -= pause) {
        if (left.count() <= 0)
            return std::nullopt;
        std::this_thread::sleep_for(pause);
    }
    return ranges;
}

} // namespace thin
