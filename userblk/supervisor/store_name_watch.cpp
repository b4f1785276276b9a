// SPDX-License-Identifier: MIT
#include "userblk/supervisor/store_name_watch.hpp"

#include "ioctl/lookup.hpp"

#include <utility>

namespace userblk {

namespace {

using namespace std::chrono_literals;

constexpr auto check_interval = 5s;

std::string state_of(StoreName name) {
    switch (name) {
    case StoreName::removed:
        return "removed";
    case StoreName::replaced:
        return "replaced";
    case StoreName::same:
        break;
    }
    return "";
}

} // namespace

StoreNameWatch::StoreNameWatch(const PoolOptions& options, const SupervisedDevice& device,
                               StatusReport& report)
    : device_(device), report_(report), path_(options.store_path),
      check_(std::in_place, options.store_fd, options.store_path),
      next_(options.store_fd < 0 ? Clock::time_point::max() : Clock::time_point{}) {}

void StoreNameWatch::check(Clock::time_point now) {
    if (now < next_)
        return;
    next_ = now + check_interval;
    if (const auto name = check_->check())
        report(*name);
}

void StoreNameWatch::on_lookup() {
    if (const auto name = check_->result())
        report(*name);
}

void StoreNameWatch::report(StoreName name) {
    const auto state = state_of(name);
    const auto previous = report_.record().store_state;
    if (state == previous || device_.is_removed()) // memory disappears with its device
        return;
    log(name, previous);
    report_.set_store_state(state);
}

void StoreNameWatch::log(StoreName name, const std::string& previous_state) const {
    const auto disk = abi::disk_name(device_.number());
    if (name == StoreName::same)
        report_.log(LogLevel::notice,
                    path_ + " is again the file that " + disk + " is served from");
    else if (previous_state.empty())
        report_.log(LogLevel::warning,
                    path_ +
                        (name == StoreName::removed ? " was removed or renamed; "
                                                    : " is another file now; ") +
                        disk +
                        " is still served from the old file, which is lost when the service ends "
                        "unless it has another name. Copy the data from " +
                        abi::block_path(device_.number()) +
                        ", or switch to a store with the same data: userblkctl reload " + disk +
                        " STORE");
}

} // namespace userblk
