// SPDX-License-Identifier: MIT
#include "userblk/worker/async_exchange.hpp"

#include "ioctl/error.hpp"
#include "userblk/worker/call_result.hpp"
#include "userblk/worker/healing.hpp"
#include "userblk/worker/pending_answers.hpp"

#include <algorithm>
#include <cerrno>

namespace userblk {

AsyncExchange::AsyncExchange(WorkerState& state, AsyncRequests& requests, ThreadCounters& counters,
                             unsigned batch)
    : state_(state), requests_(requests), counters_(counters), log_(state), records_(batch),
      prepared_(batch), answers_(requests.count()), answered_(requests.count()) {
    taken_.reserve(batch);
}

// --------------------------------------------------------------------- requests

// Gives buffers to the records that the next call may fill.
unsigned AsyncExchange::prepare(unsigned most) noexcept {
    most = std::min(most, static_cast<unsigned>(records_.size()));
    while (ready_ < most) {
        auto* const request = requests_.take();
        if (request == nullptr)
            break;
        set(ready_++, *request);
    }
    return std::min(most, ready_);
}

void AsyncExchange::set(unsigned record, AsyncRequest& request) noexcept {
    prepared_[record] = &request;
    records_[record] = {};
    records_[record].addr = address_of(request.buffer.data());
    records_[record].room = static_cast<std::uint32_t>(request.buffer.size());
}

// A record with an error holds no request: that one is still queued.
void AsyncExchange::hand_out(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        auto& request = *prepared_[i];
        if (records_[i].result != 0) {
            requests_.free(request);
            continue;
        }
        request.request = records_[i];
        taken_.push_back(&request);
    }
    refill(count);
}

// Those freed last come first: their memory is in the processor's cache.
void AsyncExchange::refill(unsigned consumed) noexcept {
    for (unsigned i = 0; i < consumed; ++i) {
        if (auto* const request = requests_.take())
            set(i, *request);
        else if (ready_ > consumed)
            set(i, *prepared_[--ready_]);
        else {
            ready_ = i;
            return;
        }
    }
}

// ---------------------------------------------------------------------- answers

userblk_answer& AsyncExchange::append(AsyncRequest& request) noexcept {
    answered_[count_] = &request;
    auto& answer = answers_[count_++];
    answer = {};
    answer.id = request.request.id;
    answer.action = USERBLK_ACTION_COMPLETE;
    return answer;
}

void AsyncExchange::answer(AsyncRequest& request) noexcept {
    auto& answer = append(request);
    if (request.request.op != USERBLK_OP_READ)
        return;
    answer.addr = address_of(request.buffer.data());
    answer.length = request.request.length;
}

void AsyncExchange::answer_error(AsyncRequest& request, std::int32_t status) noexcept {
    append(request).status = status;
    counters_.errors.add();
}

// They are sent: their requests are free.
void AsyncExchange::settle_answers(bool some_failed) noexcept {
    for (std::uint32_t i = 0; i < count_; ++i) {
        auto& request = *answered_[i];
        if (some_failed && answers_[i].result == -ESTALE)
            counters_.stale.add(); // another process put the request back
        else if (some_failed && answers_[i].result != 0)
            replace(request, answers_[i].result);
        requests_.free(request);
    }
    count_ = 0;
}

// Answers with an error rather than not at all.
void AsyncExchange::replace(const AsyncRequest& request, std::int32_t result) noexcept {
    log_.worker_failed(request.request, "the kernel refused its answer", abi::errno_code(-result));
    counters_.errors.add();
    userblk_answer answer{};
    answer.id = request.request.id;
    answer.action = USERBLK_ACTION_COMPLETE;
    answer.status = -EIO;
    userblk_put put{};
    put.answers = address_of(&answer);
    put.answer_size = sizeof(answer);
    put.count = 1;
    const auto error = state_.node.put(put);
    if ((error && error != std::errc::no_such_device) ||
        (answer.result != 0 && answer.result != -ESTALE))
        state_.log(LogLevel::error,
                   "the kernel refused the answer to a request, which this "
                   "process still holds: " +
                       (error ? error : abi::errno_code(-answer.result)).message());
}

// ------------------------------------------------------------------------ calls

// Handles the result of a whole call. False: retry the call.
bool AsyncExchange::concluded(std::error_code error) {
    const auto result = call_result(state_, error);
    if (result == CallResult::removed)
        settle_answers(false);
    return result != CallResult::again;
}

const std::vector<AsyncRequest*>& AsyncExchange::serve(std::int64_t timeout_ns, unsigned most) {
    taken_.clear();
    may_have_more_ = true;
    most = prepare(most);
    if (most == 0) {
        send_answers();
        return taken_;
    }
    userblk_serve serve{};
    serve.put.answers = address_of(answers_.data());
    serve.put.answer_size = sizeof(userblk_answer);
    serve.put.count = count_;
    serve.get.requests = address_of(records_.data());
    serve.get.request_size = sizeof(userblk_request);
    serve.get.count = most;
    serve.get.queue = queue_;
    serve.get.timeout_ns = timeout_ns;
    if (timeout_ns != 0)
        serve.get.flags = state_.wait_flags;
    const auto error = state_.node.serve(serve);
    if (error) {
        if (error == std::errc::not_enough_memory)
            send_answers(); // the GET half may have failed
        concluded(error);
        return taken_;
    }
    settle_answers(serve.put.failed > 0);
    hand_out(serve.get.count);
    if ((serve.get.flags & USERBLK_GET_ORPHANS) != 0 && state_.threads_heal())
        heal();
    else
        may_have_more_ = serve.get.count == most;
    return taken_;
}

void AsyncExchange::send_answers() {
    while (count_ > 0) {
        for (std::uint32_t i = 0; i < count_; ++i)
            answers_[i].result = 0;
        userblk_put put{};
        put.answers = address_of(answers_.data());
        put.answer_size = sizeof(userblk_answer);
        put.count = count_;
        const auto error = state_.node.put(put);
        if (concluded(error) && !error)
            settle_answers(put.failed > 0);
    }
}

void AsyncExchange::heal() {
    if (const auto error = put_back_dead(state_, counters_))
        concluded(error);
}

} // namespace userblk
