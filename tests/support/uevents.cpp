// SPDX-License-Identifier: MIT
#include "uevents.hpp"

#include <string_view>

#include <linux/netlink.h>
#include <sys/socket.h>

#include "eventually.hpp"

namespace userblk::test {

namespace {

bool matches(const Uevents::Event& event, const std::string& key, const std::string& value) {
    const auto at = event.find(key);
    return at != event.end() && at->second == value;
}

bool matches(const Uevents::Event& event, const std::string& name, const std::string& action,
             const std::string& variable) {
    const std::size_t equals = variable.find('=');
    return matches(event, "DEVNAME", name) && matches(event, "ACTION", action) &&
           (variable.empty() ||
            matches(event, variable.substr(0, equals), variable.substr(equals + 1)));
}

} // namespace

Uevents::Uevents()
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT)) {
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = 1; // the kernel's; udev sends to another group
    const int room = 4 << 20;
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    if (!fd_.open() || bind(fd_.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)))
        throw_errno("unable to listen for uevents");
}

bool Uevents::receive(Event& event) {
    char text[16384];
    const ssize_t n = recv(fd_.get(), text, sizeof(text), 0);
    if (n <= 0)
        return false;
    event.clear();
    // NUL-terminated strings: a header, then KEY=VALUE.
    const std::string_view all(text, static_cast<std::size_t>(n));
    for (std::size_t at = 0; at < all.size();) {
        const std::string_view item = all.substr(at, all.find('\0', at) - at);
        const std::size_t equals = item.find('=');
        if (equals != std::string_view::npos)
            event.emplace(item.substr(0, equals), item.substr(equals + 1));
        at += item.size() + 1;
    }
    return true;
}

bool Uevents::await(const std::string& name, const std::string& action,
                    const std::string& variable) {
    return eventually([&] {
        for (Event event; receive(event);)
            if (matches(event, name, action, variable))
                return true;
        return false;
    });
}

std::size_t Uevents::count(const std::string& name, const std::string& action,
                           const std::string& variable) {
    std::size_t found = 0;
    for (Event event; receive(event);)
        found += matches(event, name, action, variable);
    return found;
}

} // namespace userblk::test
