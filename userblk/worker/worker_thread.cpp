// SPDX-License-Identifier: MIT
#include "userblk/worker/worker_thread.hpp"

#include "ioctl/error.hpp"
#include "userblk/worker/adaptive_scheduling.hpp"

#include <chrono>
#include <poll.h>
#include <time.h>

namespace userblk {

namespace {

using Clock = std::chrono::steady_clock;

/// An idle thread keeps this much: a timer to free less would cost more.
constexpr std::size_t kept_when_idle = 256 << 10;

/// In an untimed batch the thread reads the clock after this many requests.
constexpr unsigned clock_interval = 8;

/// The same clock, cheaper, but up to some milliseconds late.
Clock::time_point coarse_now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return Clock::time_point(std::chrono::seconds(time.tv_sec) +
                             std::chrono::nanoseconds(time.tv_nsec));
}

} // namespace

WorkerThread::WorkerThread(WorkerState& state, unsigned index)
    : ServingThread(state, index), buffers_(state.max_transfer, state.options.batch),
      executor_(state, buffers_, counters_), kernel_(executor_.kernel()),
      batch_(state.options.batch) {}

void WorkerThread::run() {
    kernel_.prefer_queue(pin());
    AdaptiveScheduling scheduling(state_.adapts_scheduling());
    const bool in_poll = !can_wait_in_serve();
    while (state_.running()) {
        const unsigned count = kernel_.serve(in_poll ? Wait::none : wait(), batch_.get());
        if (count > 0) {
            scheduling.took(count);
            execute_batch(count);
        } else if (in_poll && state_.running()) {
            wait_in_poll();
        }
    }
    kernel_.send_answers();
}

// until_idle if waking up to free memory is worthwhile.
inline WorkerThread::Wait WorkerThread::wait() const noexcept {
    return buffers_.touched() > kept_when_idle ? Wait::until_idle : Wait::unlimited;
}

void WorkerThread::wait_in_poll() {
    const short awaited = state_.threads_heal() ? abi::node_poll_events() : short(POLLIN);
    pollfd entries[] = {{state_.node.fd(), awaited, 0}, {state_.stop_event.get(), POLLIN, 0}};
    constexpr int idle_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(KernelExchange::idle_time).count();
    const int ready = ::poll(entries, 2, wait() == Wait::until_idle ? idle_ms : -1);
    if (ready < 0 && errno != EINTR && errno != ENOMEM)
        abi::throw_errno("wait for requests");
    if (ready == 0)
        buffers_.trim();
    if (ready <= 0)
        return;
    const auto events = abi::node_events(entries[0].revents);
    if (events.removed)
        state_.removed = true;
    else if (events.orphans)
        kernel_.heal();
}

inline void WorkerThread::execute_batch(unsigned count) {
    const bool timed = batch_.wants_time(count);
    if (count > 1 || timed)
        execute_timed(count, timed);
    else if (kernel_.request(0).result == 0)
        executor_.execute(kernel_.request(0), 0);
}

void WorkerThread::execute_timed(unsigned count, bool timed) {
    const auto now = timed ? Clock::now : coarse_now;
    const auto start = timed || count > clock_interval ? now() : Clock::time_point();
    auto sent = start;
    unsigned done = 0;
    for (unsigned i = 0; i < count; ++i) {
        // A record without a request: the request is still queued.
        if (kernel_.request(i).result == 0) {
            executor_.execute(kernel_.request(i), i);
            ++done;
        }
        // Ready answers do not wait for the slow rest of the batch.
        if (i + 1 < count && (timed || (i + 1) % clock_interval == 0) &&
            now() - sent > BatchSize::target) {
            kernel_.send_answers();
            sent = now();
        }
    }
    if (timed || sent != start)
        batch_.done(done, now() - start);
}

} // namespace userblk
