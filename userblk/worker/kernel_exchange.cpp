// SPDX-License-Identifier: MIT
#include "userblk/worker/kernel_exchange.hpp"

#include "ioctl/error.hpp"
#include "userblk/worker/call_result.hpp"
#include "userblk/worker/healing.hpp"

#include <utility>

namespace userblk {

namespace {

/// This process no longer holds the request.
bool is_gone(std::error_code error) noexcept {
    return error == abi::errno_code(ESTALE) || error == std::errc::no_such_device;
}

std::int64_t timeout_of(KernelExchange::Wait wait) noexcept {
    switch (wait) {
    case KernelExchange::Wait::none:
        return 0;
    case KernelExchange::Wait::until_idle:
        return KernelExchange::idle_time.count();
    case KernelExchange::Wait::unlimited:
        break;
    }
    return -1;
}

} // namespace

KernelExchange::KernelExchange(WorkerState& state, PayloadBuffers& buffers,
                               ThreadCounters& counters, bool take_payloads)
    : state_(state), buffers_(buffers), counters_(counters), log_(state),
      answers_(state.options.batch), refused_(state.options.batch) {
    prepare_records(take_payloads);
}

// The buffers for payloads of writes never change.
void KernelExchange::prepare_records(bool take_payloads) {
    for (auto& records : records_) {
        records.resize(state_.options.batch);
        for (unsigned i = 0; take_payloads && i < records.size(); ++i) {
            const auto buffer = buffers_.buffer(i);
            records[i].addr = address_of(buffer.data());
            records[i].room = static_cast<std::uint32_t>(buffer.size());
        }
    }
    requests_ = records_[0].data();
}

inline void KernelExchange::forget_answers() noexcept {
    answers_.clear();
    buffers_.free_all();
}

// Handles the result of a whole call. False: retry the call.
bool KernelExchange::concluded(std::error_code error) {
    const auto result = call_result(state_, error);
    if (result == CallResult::removed)
        forget_answers();
    return result != CallResult::again;
}

unsigned KernelExchange::serve(Wait wait, unsigned most) {
    // The requests of the pending answers stay in the other array.
    auto* const requests = records_[requests_ == records_[0].data()].data();
    userblk_serve serve{};
    serve.put.answers = address_of(answers_.data());
    serve.put.answer_size = sizeof(userblk_answer);
    serve.put.count = answers_.size();
    serve.get.requests = address_of(requests);
    serve.get.request_size = sizeof(userblk_request);
    serve.get.count = most;
    serve.get.queue = queue_;
    serve.get.timeout_ns = timeout_of(wait);
    if (wait != Wait::none)
        serve.get.flags = state_.wait_flags;
    const auto error = state_.node.serve(serve);
    if (error) {
        if (error == std::errc::not_enough_memory)
            send_answers(); // the GET half may have failed
        concluded(error);
        return 0;
    }
    requests_ = requests;
    if (serve.put.failed > 0)
        handle_results();
    forget_answers();
    if ((serve.get.flags & USERBLK_GET_ORPHANS) != 0 && state_.threads_heal())
        heal();
    else if (serve.get.count == 0 && wait == Wait::until_idle)
        buffers_.trim();
    return serve.get.count;
}

void KernelExchange::send_answers() {
    while (!answers_.empty()) {
        answers_.clear_results();
        userblk_put put{};
        put.answers = address_of(answers_.data());
        put.answer_size = sizeof(userblk_answer);
        put.count = answers_.size();
        const auto error = state_.node.put(put);
        if (!concluded(error))
            continue;
        if (!error && put.failed > 0)
            handle_results();
        forget_answers();
    }
    buffers_.free_all();
}

void KernelExchange::handle_results() {
    // replace() sends its own answers.
    std::swap(answers_, refused_);
    answers_.clear();
    for (std::uint32_t i = 0; i < refused_.size(); ++i) {
        if (refused_[i].result == -ESTALE)
            counters_.stale.add(); // another process put the request back
        else if (refused_[i].result != 0)
            replace(refused_[i], refused_.request(i));
    }
    refused_.clear();
}

// Answers with an error rather than not at all.
void KernelExchange::replace(const userblk_answer& refused, const userblk_request& request) {
    buffers_.free_all();
    if (!answer_again_(refused, request))
        fail(request, "the kernel refused its answer", abi::errno_code(-refused.result));
    if (answers_.empty()) // already settled
        return;
    auto error = put_one(answers_.back());
    if (error && !is_gone(error)) {
        fail(request, "the kernel refused its answer again", error);
        error = put_one(answers_.back());
    }
    if (error && !is_gone(error))
        state_.log(LogLevel::error, "the kernel refused the answer to a request, which "
                                    "this process still holds: " +
                                        error.message());
    forget_answers();
}

std::error_code KernelExchange::put_one(userblk_answer& answer) noexcept {
    for (;;) {
        answer.result = 0;
        userblk_put put{};
        put.answers = address_of(&answer);
        put.answer_size = sizeof(answer);
        put.count = 1;
        const auto error = state_.node.put(put);
        if (error == std::errc::interrupted)
            continue;
        if (error == std::errc::no_such_device)
            state_.removed = true;
        if (answer.result == -ESTALE)
            counters_.stale.add();
        return error ? error : abi::errno_code(-answer.result);
    }
}

void KernelExchange::fail(const userblk_request& request, const char* why,
                          std::error_code error) noexcept {
    append(request, USERBLK_ACTION_COMPLETE).status = -EIO;
    counters_.errors.add();
    log_.worker_failed(request, why, error);
}

std::span<std::byte> KernelExchange::fetch(const userblk_request& request,
                                           std::span<std::byte> where) {
    userblk_answer fetch{};
    fetch.id = request.id;
    fetch.action = USERBLK_ACTION_FETCH;
    fetch.addr = address_of(where.data());
    fetch.length = static_cast<std::uint32_t>(where.size());
    const auto error = put_one(fetch);
    if (!error)
        return where;
    if (!is_gone(error))
        fail(request, "unable to fetch its data", error);
    return {};
}

std::span<std::byte> KernelExchange::allocate(std::size_t length) {
    auto memory = buffers_.allocate(length);
    if (memory.empty()) { // full of unsent answers
        send_answers();
        memory = buffers_.allocate(length);
    }
    return memory;
}

void KernelExchange::heal() {
    if (const auto error = put_back_dead(state_, counters_))
        concluded(error);
}

} // namespace userblk
