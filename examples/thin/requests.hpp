// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace thin {

/// The requests being carried out now, as reported by the kernel.
class Requests {
public:
    Requests() = default;
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
    virtual ~Requests() = default;

    /// Whether this process still holds the request: false once it was put back.
    virtual bool have(const userblk::Operation& operation) const = 0;

    struct Range {
        std::uint64_t offset;
        std::uint64_t length;
    };
    /// A list of ranges such that every unfinished request delivered before this call
    /// overlaps one of them. Waits briefly for redirected requests, whose ranges the
    /// kernel does not report; nothing if there were some all the time.
    virtual std::optional<std::vector<Range>> under_way() const = 0;
};

/// The requests of a device that is served.
class DeviceRequests : public Requests {
public:
    explicit DeviceRequests(std::uint32_t device);
    bool have(const userblk::Operation& operation) const override;
    std::optional<std::vector<Range>> under_way() const override;

private:
    userblk::abi::ControlNode node_;
    std::size_t most_; // the maximum at a time
};

} // namespace thin
