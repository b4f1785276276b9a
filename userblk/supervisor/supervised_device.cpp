// SPDX-License-Identifier: MIT
#include "userblk/supervisor/supervised_device.hpp"

#include "userblk/device.hpp"
#include "userblk/inspect/describe_requests.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/units.hpp"

#include <chrono>
#include <poll.h>
#include <utility>

namespace userblk {

using namespace std::chrono_literals;

void SupervisedDevice::open() {
    node_.emplace(number_);
    diskseq_ = Device::context_of(*node_).diskseq;
    store_class_ = static_cast<StoreClass>(node_->info().device.config.store_class);
}

short SupervisedDevice::events() const noexcept {
    return store_class_ == StoreClass::process ? POLLPRI : 0;
}

bool SupervisedDevice::is_removed() const noexcept {
    abi::NodeEvents events;
    return removal_handled_ || (!node_->poll(events, 0ms) && events.removed);
}

void SupervisedDevice::appear() const noexcept {
    abi::NodeEvents ignored;
    node_->poll(ignored, 0ms);
}

void SupervisedDevice::put_back_requests_of_dead() const noexcept {
    if (store_class_ != StoreClass::process)
        return;
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (node_->reset(reset) || reset.count == 0)
        return;
    report_.log(LogLevel::notice,
                "put back " + format_count(reset.count, "request") + " of a process that died");
}

std::string SupervisedDevice::describe_held_requests(pid_t pid) const noexcept {
    return userblk::describe_held_requests(*node_, pid);
}

// Without a delivery limit the kernel delivers such a request again each time.
void SupervisedDevice::warn_of_deadly_request() noexcept {
    auto request = describe_suspect_request(*node_);
    if (request.empty() || request == last_deadly_request_)
        return;
    last_deadly_request_ = std::move(request);
    report_.log(LogLevel::warning,
                last_deadly_request_ +
                    " was delivered three times or more while workers died, and "
                    "is delivered again; a device created with --delivery-limit N "
                    "fails it after N deliveries");
}

void SupervisedDevice::reserve_for_store(const std::string& identity, bool share) const noexcept {
    if (node_)
        hold_node(*node_, identity, share);
}

void SupervisedDevice::release_store() const noexcept {
    release_node(*node_);
}

} // namespace userblk
