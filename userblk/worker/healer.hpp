// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"
#include "userblk/backoff.hpp"
#include "userblk/worker/worker_state.hpp"

#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>

namespace userblk {

/// Internal: puts back the requests of dead processes on a device whose class demands more for
/// that than their death: a fence, which may take long, or a waiting time. So it has a thread of
/// its own, which sleeps until the kernel reports a death. Any number of workers may have one; a
/// request is put back once.
class Healer {
public:
    /// Starts the thread. @p store outlives this object.
    /// @throws std::system_error
    Healer(WorkerState& state, const Store& store);
    Healer(const Healer&) = delete;
    Healer& operator=(const Healer&) = delete;
    /// Waits for a fence in progress.
    ~Healer();

private:
    using Clock = Backoff::Clock;
    /// When to try again; nothing: after the next death.
    using Again = std::optional<Clock::time_point>;

    void run() noexcept;
    bool wait(Again until) const noexcept;
    Again heal();
    Again heal_fenced();
    Again heal_unfenced();
    std::error_code fence(const DeadClient& dead) noexcept;
    void put_back(const DeadClient& dead);
    Again failed(const DeadClient& dead, std::error_code error);
    void count(std::uint32_t requests) noexcept;
    void explain_wait(std::uint64_t requests, std::uint64_t wait_ns);

    WorkerState& state_;
    const Store& store_;
    abi::FileDescriptor epoll_;
    abi::FileDescriptor end_; ///< an eventfd
    Backoff backoff_;
    std::error_code last_error_; ///< of a fence; the last one logged
    bool explained_ = false;     ///< why requests of the dead stay held
    std::thread thread_;
};

} // namespace userblk
