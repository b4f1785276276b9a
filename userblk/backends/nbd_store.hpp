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

inline constexpr std::chrono::nanoseconds nbd_default_fence = std::chrono::seconds(30);

struct NbdOptions {
    /// How long a request waits for a new connection before it fails with ETIMEDOUT;
    /// nanoseconds::max(): without limit.
    std::chrono::nanoseconds retry = std::chrono::nanoseconds::max();
    /// How long a write may still land after its connection or its worker has ended: a server
    /// carries out what it has received, and NBD has no call that would prevent or await that.
    /// Until then the write is not sent again; the device gets StoreClass::unfenced with this time.
    /// nanoseconds::max(): no time is long enough. 0: no write lands late.
    std::chrono::nanoseconds fence = nbd_default_fence;
    LogFunction log{};
};

/// Whether the text begins like the URI of an NBD server: nbd://, nbds://, nbd+unix:// or
/// nbds+unix://.
bool is_nbd_uri(std::string_view text) noexcept;

/// @throws std::invalid_argument whose text says what is wrong with it, and what would be right
void check_nbd_uri(std::string_view uri);

/// Equal for URIs that lead to the same export: without user, default port and keys of TLS.
std::string nbd_identity(std::string_view uri);

/// Connects to an NBD server, by libnbd, which is loaded by the first call.
///
/// If the connection is lost, requests wait and are sent again on a new one, once the export is
/// large enough and offers what it did before. The log says why they wait. What changes the store
/// is sent again only after NbdOptions::fence.
///
/// @param size of the device, in bytes; 0: there is none yet
/// @throws std::runtime_error that names the server and what is wrong; also if this library was
///         built without libnbd, or there is none to be loaded
std::unique_ptr<AsyncBackend> open_nbd(EventLoop& loop, const std::string& uri, std::uint64_t size,
                                       NbdOptions options = {});

} // namespace userblk
