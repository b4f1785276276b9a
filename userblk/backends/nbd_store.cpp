// SPDX-License-Identifier: MIT
#include "userblk/backends/nbd_store.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#ifdef USERBLK_NBD
#include "userblk/nbd/nbd_backend.hpp"
#endif

namespace userblk {

namespace {

constexpr std::array<std::string_view, 2> hosts = {"nbd://", "nbds://"};
constexpr std::array<std::string_view, 2> sockets = {"nbd+unix://", "nbds+unix://"};

bool begins_with_any(std::string_view text, const auto& schemes) noexcept {
    return std::any_of(schemes.begin(), schemes.end(),
                       [text](auto scheme) { return text.starts_with(scheme); });
}

[[noreturn]] void refuse(std::string_view uri, const std::string& why) {
    throw std::invalid_argument("invalid URI \"" + std::string(uri) + "\": " + why +
                                "; expected nbd://HOST[:PORT]/EXPORT or "
                                "nbd+unix:///EXPORT?socket=/PATH, with nbds for TLS");
}

} // namespace

bool is_nbd_uri(std::string_view text) noexcept {
    return begins_with_any(text, hosts) || begins_with_any(text, sockets);
}

void check_nbd_uri(std::string_view uri) {
    if (!is_nbd_uri(uri))
        refuse(uri, "it is not that of an NBD server");
    const auto rest = uri.substr(uri.find("://") + 3);
    if (uri.find_first_of(" \t\r\n") != std::string_view::npos)
        refuse(uri, "it has blanks, which are written as %20");
    auto host = rest.substr(0, rest.find_first_of("/?"));
    host.remove_prefix(host.find('@') == std::string_view::npos ? 0 : host.find('@') + 1);
    if (begins_with_any(uri, hosts)) {
        if (host.empty() || host.front() == ':')
            refuse(uri, "it names no host");
        return;
    }
    constexpr std::string_view socket = "socket=";
    const auto query = rest.find('?');
    const auto at = query == std::string_view::npos ? query : rest.find(socket, query);
    if (at == std::string_view::npos || (rest[at - 1] != '?' && rest[at - 1] != '&'))
        refuse(uri, "it names no socket");
    const auto path = rest.substr(at + socket.size());
    if (!path.starts_with('/') && !path.starts_with("%2F") && !path.starts_with("%2f"))
        refuse(uri, "the path of the socket is not absolute");
    if (!host.empty())
        refuse(uri, "a socket has no host");
}

std::string nbd_identity(std::string_view uri) {
    const auto rest = uri.substr(uri.find("://") + 3);
    const auto end = std::min(rest.find_first_of("/?"), rest.size());
    const auto query = std::min(rest.find('?'), rest.size());
    auto host = rest.substr(0, end);
    host.remove_prefix(host.find('@') == std::string_view::npos ? 0 : host.find('@') + 1);
    auto path = rest.substr(end, query - end);
    if (path.starts_with('/'))
        path.remove_prefix(1);
    std::string place(host);
    if (begins_with_any(uri, sockets)) {
        const auto at = rest.find("socket=", query);
        place = at == std::string_view::npos
                    ? ""
                    : rest.substr(at + 7, rest.find_first_of("&;", at) - (at + 7));
    } else if (host.ends_with(']') || host.find(':') == std::string_view::npos) {
        place += ":10809";
    }
    return "nbd " + place + " " + std::string(path);
}

std::unique_ptr<AsyncBackend> open_nbd([[maybe_unused]] EventLoop& loop, const std::string& uri,
                                       [[maybe_unused]] std::uint64_t size,
                                       [[maybe_unused]] NbdOptions options) {
    check_nbd_uri(uri);
#ifdef USERBLK_NBD
    return std::make_unique<NbdBackend>(loop, uri, size, std::move(options));
#else
    throw std::runtime_error(uri + ": this userblk was built without NBD; build it where the "
                                   "headers of libnbd are (Debian's package libnbd-dev)");
#endif
}

} // namespace userblk
