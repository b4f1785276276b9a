// SPDX-License-Identifier: MIT
#include "userblk/supervisor/service_manager.hpp"

#include "ioctl/file_descriptor.hpp"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>

namespace userblk {

void notify_service_manager(const std::string& state) noexcept {
    const char* const where = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = where != nullptr ? where : "";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return;
    path.copy(address.sun_path, path.size());
    if (path.front() == '@') // in the abstract name space
        address.sun_path[0] = '\0';
    const abi::FileDescriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    [[maybe_unused]] const auto sent =
        ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), length);
}

std::string reloading_state() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const auto microseconds = now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
    return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds);
}

} // namespace userblk
