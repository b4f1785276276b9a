// SPDX-License-Identifier: MIT
#include "ioctl/control_node.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "ioctl/nodes.hpp"

#include <algorithm>
#include <fcntl.h>
#include <limits>
#include <poll.h>
#include <sys/ioctl.h>

namespace userblk::abi {

short node_poll_events() noexcept {
    return POLLIN | POLLPRI;
}

NodeEvents node_events(short revents) noexcept {
    return {(revents & POLLIN) != 0, (revents & POLLPRI) != 0,
            (revents & (POLLHUP | POLLERR)) != 0};
}

ControlNode::ControlNode(std::uint32_t number)
    : fd_(FileDescriptor::open(control_path(number).c_str(), O_RDWR)), number_(number) {
    check_control_node(fd_.get(), number);
}

ControlNode::ControlNode(FileDescriptor fd, std::uint32_t number) noexcept
    : fd_(std::move(fd)), number_(number) {}

std::error_code ControlNode::control(unsigned long command, void* argument) const noexcept {
    return ::ioctl(fd_.get(), command, argument) < 0 ? last_error() : std::error_code();
}

std::error_code ControlNode::get(userblk_get& get) const noexcept {
    return control(USERBLK_GET, &get);
}

std::error_code ControlNode::put(userblk_put& put) const noexcept {
    return control(USERBLK_PUT, &put);
}

std::error_code ControlNode::serve(userblk_serve& serve) const noexcept {
    return control(USERBLK_SERVE, &serve);
}

std::error_code ControlNode::reset(userblk_reset& reset) const noexcept {
    return control(USERBLK_RESET, &reset);
}

std::error_code ControlNode::wake(std::uint32_t waits) const noexcept {
    userblk_wake wake{};
    wake.count = waits;
    return control(USERBLK_WAKE, &wake);
}

std::error_code ControlNode::poll(NodeEvents& events,
                                  std::optional<std::chrono::milliseconds> limit) const noexcept {
    events = {};
    pollfd entry{fd_.get(), node_poll_events(), 0};
    const auto most = std::chrono::milliseconds(std::numeric_limits<int>::max());
    const int timeout = limit ? static_cast<int>(std::min(*limit, most).count()) : -1;
    if (::poll(&entry, 1, timeout) < 0)
        return errno == EINTR ? std::error_code() : last_error();
    events = node_events(entry.revents);
    return {};
}

std::uint32_t ControlNode::reset_or_throw(userblk_reset reset, std::uint32_t flags) const {
    reset.flags = flags;
    if (const auto error = this->reset(reset))
        throw_error("reset " + disk_name(number_), error);
    return reset.count;
}

std::uint32_t ControlNode::reset_dead(std::uint32_t flags) const {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    return reset_or_throw(reset, flags);
}

std::uint32_t ControlNode::reset_pid(pid_t pid, std::uint32_t flags) const {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_PID;
    reset.pid = pid;
    return reset_or_throw(reset, flags);
}

std::uint32_t ControlNode::reset_older(std::chrono::nanoseconds age, std::uint32_t flags) const {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_OLDER;
    reset.age_ns = static_cast<std::uint64_t>(std::max(age, std::chrono::nanoseconds(0)).count());
    return reset_or_throw(reset, flags);
}

std::uint32_t ControlNode::reset_id(std::uint64_t id, std::uint32_t flags) const {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_ID;
    reset.id = id;
    return reset_or_throw(reset, flags);
}

std::uint32_t ControlNode::reset_all(std::uint32_t flags) const {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_ALL;
    return reset_or_throw(reset, flags);
}

ControlNode::Info ControlNode::info(std::size_t max_taken) const {
    Info info;
    info.taken.resize(std::min<std::size_t>(max_taken, USERBLK_MAX_SLOTS));
    info.device.taken_list = reinterpret_cast<std::uintptr_t>(info.taken.data());
    info.device.taken_count = static_cast<std::uint32_t>(info.taken.size());
    info.device.taken_size = sizeof(userblk_taken);
    if (info.taken.empty())
        info.device.taken_list = 0;
    if (const auto error = control(USERBLK_INFO, &info.device))
        throw_error("get information about " + disk_name(number_), error);
    info.taken.resize(info.device.taken_count);
    return info;
}

void ControlNode::resize(std::uint64_t size) const {
    userblk_resize resize{};
    resize.size = size;
    if (const auto error = control(USERBLK_RESIZE, &resize))
        throw_error("resize " + disk_name(number_), error);
}

} // namespace userblk::abi
