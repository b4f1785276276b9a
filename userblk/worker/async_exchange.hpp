// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/worker/async_requests.hpp"
#include "userblk/worker/request_log.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <cstdint>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: the exchange with the kernel of a thread with an asynchronous backend. One call sends
/// all answers there are, and takes requests, each with a buffer of its own. Allocates memory in
/// the constructor alone.
class AsyncExchange {
public:
    /// @param batch the most requests that a call takes
    AsyncExchange(WorkerState& state, AsyncRequests& requests, ThreadCounters& counters,
                  unsigned batch);

    /// The hardware queue to look at first.
    void prefer_queue(std::uint32_t queue) noexcept { queue_ = queue; }

    /// Sends the answers and takes at most @p most requests, waiting for the first up to
    /// @p timeout_ns; -1: without limit.
    /// @returns those taken, until the next call
    /// @throws std::system_error for errors that only an exit of the process resolves
    const std::vector<AsyncRequest*>& serve(std::int64_t timeout_ns, unsigned most);
    /// Whether there may be more requests than the last call has taken.
    bool may_have_more() const noexcept { return may_have_more_; }
    /// Sends the answers. @throws like serve()
    void send_answers();

    bool has_answers() const noexcept { return count_ > 0; }
    /// Answers an operation that has ended: with its data, or with an error.
    void answer(AsyncRequest& request) noexcept;
    void answer_error(AsyncRequest& request, std::int32_t status) noexcept;

    /// Puts back the requests of dead processes.
    void heal();

private:
    unsigned prepare(unsigned most) noexcept;
    void set(unsigned record, AsyncRequest& request) noexcept;
    void hand_out(unsigned count);
    void refill(unsigned consumed) noexcept;
    void settle_answers(bool some_failed) noexcept;
    void replace(const AsyncRequest& request, std::int32_t result) noexcept;
    bool concluded(std::error_code error);
    userblk_answer& append(AsyncRequest& request) noexcept;

    WorkerState& state_;
    AsyncRequests& requests_;
    ThreadCounters& counters_;
    RequestLog log_;
    std::uint32_t queue_ = USERBLK_ANY_QUEUE;
    std::vector<userblk_request> records_; ///< the next requests, each with a buffer
    std::vector<AsyncRequest*> prepared_;  ///< whose buffers these are
    unsigned ready_ = 0;                   ///< how many of them
    std::vector<AsyncRequest*> taken_;
    bool may_have_more_ = true;
    std::vector<userblk_answer> answers_;
    std::vector<AsyncRequest*> answered_;
    std::uint32_t count_ = 0; ///< of answers
};

} // namespace userblk
