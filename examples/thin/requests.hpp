// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "userblk/backend.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace thin {

/// What the kernel knows of the requests that are being carried out just now.
class Requests {
public:
    Requests() = default;
    Requests(const Requests&) = delete;
    Requests& operator=(const Requests&) = delete;
    virtual ~Requests() = default;

    /// Whether this process still has that request: false once it was put back,
    /// for others to carry out.
    virtual bool have(const userblk::Operation& operation) const = 0;

    struct Range {
        std::uint64_t offset;
        std::uint64_t length;
    };
    /// A list such that any request that was handed out before this call and is not
    /// over yet overlaps with one of the ranges. Waits a little for those that the
    /// kernel carries out itself, of which it cannot tell where; nothing if there
    /// were some all the time.
    virtual std::optional<std::vector<Range>> under_way() const = 0;
};

/// Of a device that is served.
class DeviceRequests : public Requests {
public:
    explicit DeviceRequests(std::uint32_t device);
    bool have(const userblk::Operation& operation) const override;
    std::optional<std::vector<Range>> under_way() const override;

private:
    userblk::abi::ControlNode node_;
    std::size_t most_; // there can be at a time
};

} // namespace thin
