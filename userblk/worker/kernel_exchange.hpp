// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"
#include "userblk/worker/payload_buffers.hpp"
#include "userblk/worker/pending_answers.hpp"
#include "userblk/worker/request_log.hpp"
#include "userblk/worker/thread_counters.hpp"
#include "userblk/worker/worker_state.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: one thread's exchange with the kernel. One call sends the answers to a batch
/// and takes the next. It replaces refused answers, and puts back what dead processes held.
///
/// The thread answers everything it has taken before it waits or ends, so a draining worker
/// only has its current batch to finish.
class KernelExchange {
public:
    enum class Wait {
        none,
        until_idle, ///< for a short time, then payload memory is freed
        unlimited
    };

    /// @param take_payloads whether GET copies the payloads of writes
    KernelExchange(WorkerState& state, PayloadBuffers& buffers, ThreadCounters& counters,
                   bool take_payloads);

    /// The hardware queue to look at first.
    void prefer_queue(std::uint32_t queue) noexcept { queue_ = queue; }

    /// Called for a refused answer to a request that is still held: appends another answer,
    /// or none if the request is settled. Returns false to fail the request.
    using AnswerAgain = std::function<bool(const userblk_answer&, const userblk_request&)>;
    void on_refused_answer(AnswerAgain answer_again) { answer_again_ = std::move(answer_again); }

    /// Sends the pending answers and takes at most @p most requests.
    /// @returns how many; records with a result other than 0 hold no request
    /// @throws std::system_error for errors that only an exit of the process resolves
    unsigned serve(Wait wait, unsigned most);
    /// Request @p i of the last serve().
    const userblk_request& request(unsigned i) const noexcept { return requests_[i]; }

    /// Appends an answer to @p request, which must live until the answer is sent.
    userblk_answer& append(const userblk_request& request, std::uint16_t action) noexcept {
        return answers_.append(request, action);
    }
    /// Appends a failure that is not the backend's, and logs it.
    [[gnu::cold]] void fail(const userblk_request& request, const char* why,
                            std::error_code error) noexcept;
    /// Sends the pending answers. @throws like serve()
    void send_answers();

    /// Copies the payload of a WRITE to @p where. Empty: the request is settled.
    std::span<std::byte> fetch(const userblk_request& request, std::span<std::byte> where);
    /// Memory that lasts until the answers are sent; sends pending answers to make room.
    std::span<std::byte> allocate(std::size_t length);

    /// Puts back the requests of dead processes. Any number of workers may do so at the
    /// same time; each request is put back once. Only if WorkerState::threads_heal().
    void heal();

    /// A thread without requests for this long is idle.
    static constexpr std::chrono::nanoseconds idle_time = std::chrono::seconds(1);

private:
    void prepare_records(bool take_payloads);
    void handle_results();
    void replace(const userblk_answer& refused, const userblk_request& request);
    std::error_code put_one(userblk_answer& answer) noexcept;
    bool concluded(std::error_code error);
    void forget_answers() noexcept;

    WorkerState& state_;
    PayloadBuffers& buffers_;
    ThreadCounters& counters_;
    RequestLog log_;
    AnswerAgain answer_again_;
    std::uint32_t queue_ = USERBLK_ANY_QUEUE;
    // The requests being answered stay readable while the next batch arrives.
    std::array<std::vector<userblk_request>, 2> records_;
    userblk_request* requests_ = nullptr; ///< one of them: the current batch
    PendingAnswers answers_;
    PendingAnswers refused_; ///< the answers of the last call, if some failed
};

} // namespace userblk
