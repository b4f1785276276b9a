// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"
#include "userblk/log.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace userblk {

struct NbdOptions {
    /// How long a request waits for a new connection before it fails with ETIMEDOUT;
    /// nanoseconds::max(): without limit.
    std::chrono::nanoseconds retry = std::chrono::nanoseconds::max();
    LogFunction log{};
};

/// Whether the text begins like the URI of an NBD server: nbd://, nbds://, nbd+unix:// or
/// nbds+unix://.
bool is_nbd_uri(std::string_view text) noexcept;

/// @throws std::invalid_argument whose text says what is wrong with it, and what would be right
void check_nbd_uri(std::string_view uri);

/// Connects to an NBD server, by libnbd, which is loaded by the first call.
///
/// If the connection is lost, requests wait and are sent again on a new one, once the export is
/// large enough and offers what it did before. The log says why they wait. A request may be carried
/// out twice then, and one that the server still had from the lost connection may be carried out
/// late: plain NBD has no way to prevent that.
///
/// @param size of the device, in bytes; 0: there is none yet
/// @throws std::runtime_error that names the server and what is wrong; also if this library was
///         built without libnbd, or there is none to be loaded
std::unique_ptr<AsyncBackend> open_nbd(EventLoop& loop, const std::string& uri, std::uint64_t size,
                                       NbdOptions options = {});

} // namespace userblk
