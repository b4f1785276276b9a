// SPDX-License-Identifier: MIT
#include "userblk/supervisor/shutdown.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/units.hpp"

#include <string>

namespace userblk {

namespace {

using namespace std::chrono_literals;

/// After SIGKILL. Leaves behind a process that is stuck in the kernel for longer.
constexpr auto kill_limit = 5s;
/// How often may_stop() is called.
constexpr auto may_stop_interval = 50ms;

} // namespace

Shutdown::Shutdown(std::uint32_t number, const PoolOptions& options, WorkerPlaces& places,
                   const StatusReport& report)
    : number_(number), may_stop_(options.may_stop), drain_limit_(options.drain_limit),
      places_(places), report_(report) {}

bool Shutdown::request() noexcept {
    if (!may_stop_ || requested_)
        return true;
    requested_ = true;
    return false;
}

bool Shutdown::may_begin() const {
    return requested_ && !end_ && may_stop_();
}

void Shutdown::begin(PoolEnd end) {
    if (end_)
        return;
    end_ = end;
    deadline_ = after(Clock::now(), drain_limit_);
    report_.notify_manager("STOPPING=1");
    report_.log(LogLevel::information, end == PoolEnd::removed
                                           ? abi::disk_name(number_) + " was removed"
                                           : std::string("stopping"));
    places_.stop(
        [](const WorkerProcess& worker) { return worker.state != WorkerProcess::State::draining; });
}

void Shutdown::force(const char* why) {
    if (forced_ || places_.workers().empty())
        return;
    report_.log(LogLevel::warning,
                "killing " + format_count(places_.workers().size(), "worker") + why);
    forced_ = true;
    deadline_ = Clock::now() + kill_limit;
    places_.kill_all();
}

void Shutdown::enforce_limit() {
    if (end_ && !forced_ && Clock::now() >= deadline_)
        force(" that did not exit in time");
}

bool Shutdown::is_finished() const noexcept {
    return end_ && (places_.workers().empty() || (forced_ && Clock::now() >= deadline_));
}

PoolEnd Shutdown::result() const noexcept {
    return forced_ && *end_ == PoolEnd::stopped ? PoolEnd::forced : *end_;
}

Shutdown::Clock::time_point Shutdown::next_deadline() const noexcept {
    if (end_)
        return deadline_;
    return requested_ ? Clock::now() + may_stop_interval : Clock::time_point::max();
}

} // namespace userblk
