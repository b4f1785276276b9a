// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/pool.hpp"
#include "userblk/store/store_name_check.hpp"
#include "userblk/supervisor/status_report.hpp"
#include "userblk/supervisor/supervised_device.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace userblk {

/// Internal: reports when the path of the store leads to another file, or to none. The device keeps
/// its store; only processes that open it by name are affected.
class StoreNameWatch {
public:
    using Clock = std::chrono::steady_clock;

    /// Watches PoolOptions::store_fd, if there is one.
    StoreNameWatch(const PoolOptions& options, const SupervisedDevice& device,
                   StatusReport& report);

    /// Checks the name if it is time to.
    void check(Clock::time_point now);
    Clock::time_point next_check() const noexcept { return next_; }
    /// @name What was not known at once
    /// @{
    /// Readable when on_lookup() should be called; -1: there is nothing.
    int lookup_fd() const noexcept { return check_->lookup_fd(); }
    void on_lookup();
    /// @}
    /// For a forked child: closes what it has open.
    void close() noexcept { check_.reset(); }

private:
    void report(StoreName name);
    void log(StoreName name, const std::string& previous_state) const;

    const SupervisedDevice& device_;
    StatusReport& report_;
    std::string path_;
    std::optional<StoreNameCheck> check_;
    Clock::time_point next_;
};

} // namespace userblk
