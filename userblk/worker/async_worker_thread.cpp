// SPDX-License-Identifier: MIT
#include "userblk/worker/async_worker_thread.hpp"

#include "userblk/worker/answer_status.hpp"
#include "userblk/worker/kernel_exchange.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

namespace userblk {

namespace {

/// The most that a call takes unless WorkerOptions::batch says otherwise. Operations are started
/// at once, so that none waits for the others of its batch.
constexpr unsigned default_async_batch = 32;
/// An idle thread keeps this much: a timer to free less would cost more.
constexpr std::size_t kept_when_idle = 256 << 10;
/// Calls to the kernel after which the loop has its turn, even if there are more requests.
constexpr unsigned most_serves = 8;

unsigned batch_of(const WorkerState& state) noexcept {
    return state.batch_given ? state.options.batch : default_async_batch;
}

unsigned depth_of(const WorkerState& state) noexcept {
    return std::min(state.depth, USERBLK_MAX_BATCH - batch_of(state));
}

[[gnu::cold]] std::error_code caught(std::string& text, const char* what) noexcept {
    try {
        text = std::string("exception: ") + what;
    } catch (...) {
    }
    return std::make_error_code(std::errc::io_error);
}

// Catches the backend's exceptions.
template <class Call>
std::error_code guarded(std::string& thrown, Call&& call) noexcept {
    try {
        return call();
    } catch (const std::exception& exception) {
        return caught(thrown, exception.what());
    } catch (...) {
        return caught(thrown, "of no type of the standard library");
    }
}

} // namespace

/// Requests for this thread, deaths of others unless a Healer watches them, and the removal of the
/// device.
class AsyncWorkerThread::NodeWatch final : public Watch {
public:
    NodeWatch(AsyncWorkerThread& thread, EventLoop& loop)
        : Watch(loop, thread.state_.node.fd()), thread_(thread) {}

    /// Without @p requests only the others.
    void want_requests(bool requests) noexcept {
        const short deaths = thread_.state_.threads_heal() ? POLLPRI : 0;
        want(static_cast<short>(deaths | (requests ? POLLIN : 0)));
    }
    bool may_have_requests = true;

private:
    void on_ready(short ready) override {
        const auto events = abi::node_events(ready);
        may_have_requests |= events.requests;
        if (events.removed) {
            thread_.state_.removed = true;
            want(0);
        } else if (events.orphans) {
            thread_.kernel_.heal();
            may_have_requests = true;
        }
    }

    AsyncWorkerThread& thread_;
};

class AsyncWorkerThread::StopWatch final : public Watch {
public:
    StopWatch(EventLoop& loop, int fd) : Watch(loop, fd) { want(POLLIN); }

private:
    void on_ready(short) override { want(0); } // it stays readable
};

AsyncWorkerThread::AsyncWorkerThread(WorkerState& state, unsigned index,
                                     const AsyncBackendFactory& make)
    : ServingThread(state, index), backend_(make(state.device, loop_)),
      most_in_flight_(depth_of(state)),
      requests_(std::make_unique<AsyncRequests>(*this, most_in_flight_ + batch_of(state),
                                                state.max_transfer)),
      kernel_(state, *requests_, counters_, batch_of(state)), log_(state),
      backend_fua_(backend_->describe().fua) {}

// After a failure of the loop, operations may be in flight: their frames and buffers stay, because
// the backend may still use them until it is gone.
AsyncWorkerThread::~AsyncWorkerThread() {
    loop_.end_spawned(); // they use the backend
    if (in_flight_ > 0) [[maybe_unused]]
        const auto* const left = requests_.release();
}

// --------------------------------------------------------------------- the loop

void AsyncWorkerThread::run() {
    loop_.attach();
    kernel_.prefer_queue(pin());
    AdaptiveScheduling scheduling(state_.adapts_scheduling());
    scheduling_ = &scheduling;
    const bool in_poll = !can_wait_in_serve();
    NodeWatch node(*this, loop_);
    const StopWatch stop(loop_, state_.stop_event.get());
    while (step(node, in_poll))
        continue;
    kernel_.send_answers();
}

// False: done. All that was taken is answered before the end.
bool AsyncWorkerThread::step(NodeWatch& node, bool in_poll) {
    const bool running = state_.running();
    if (!running && in_flight_ == 0)
        return false;
    if (state_.removed)
        note_removal();
    const bool may_take = running && node.may_have_requests && room() > 0;
    if (running && in_flight_ == 0 && !in_poll) {
        wait_in_serve();
        node.may_have_requests = kernel_.may_have_more();
    } else if ((may_take || kernel_.has_answers()) && serves_ < most_serves) {
        serve(0);
        if (running)
            node.may_have_requests = kernel_.may_have_more();
    } else {
        wait_in_loop(node);
    }
    loop_.run();
    answer_ended();
    return true;
}

void AsyncWorkerThread::serve(std::int64_t timeout_ns) {
    ++serves_;
    const unsigned most = state_.running() ? room() : 0;
    const auto& taken = kernel_.serve(timeout_ns, most);
    if (!taken.empty())
        scheduling_->took(static_cast<unsigned>(taken.size()));
    for (auto* const request : taken)
        start(*request);
}

// Wakes up to free memory if that is worthwhile.
void AsyncWorkerThread::wait_in_serve() {
    const bool until_idle = requests_->touched() > kept_when_idle;
    serve(until_idle ? KernelExchange::idle_time.count() : -1);
    if (until_idle && in_flight_ == 0 && !kernel_.has_answers() && ended_ == nullptr)
        requests_->trim();
}

// Answers and requests have their turn first, unless they never end.
void AsyncWorkerThread::wait_in_loop(NodeWatch& node) {
    const bool busy = serves_ >= most_serves;
    serves_ = 0;
    if (!state_.removed)
        node.want_requests(state_.running() && room() > 0);
    const bool until_idle =
        in_flight_ == 0 && !kernel_.has_answers() && requests_->touched() > kept_when_idle;
    const auto now = busy || until_idle ? EventLoop::Clock::now() : EventLoop::never;
    const auto limit = busy ? now : until_idle ? now + KernelExchange::idle_time : now;
    loop_.wait(limit);
    if (until_idle && !node.may_have_requests && EventLoop::Clock::now() >= limit)
        requests_->trim();
}

void AsyncWorkerThread::note_removal() noexcept {
    if (std::exchange(gave_up_, true))
        return;
    backend_->device_removed();
}

// ------------------------------------------------------------------- operations

void AsyncWorkerThread::start(AsyncRequest& request) noexcept {
    counters_.count(request.request);
    if (request.request.op >= ThreadCounters::operations) // a later module's
        return kernel_.answer_error(request, -EOPNOTSUPP);
    if ((request.request.flags & USERBLK_REQ_NO_PAYLOAD) != 0) {
        kernel_.answer_error(request, -EIO);
        return log_.worker_failed(request.request, "its data has no room",
                                  std::make_error_code(std::errc::message_size));
    }
    ++in_flight_;
    std::string thrown;
    const auto error = guarded(thrown, [&] {
        request.task.emplace(begin(request));
        return std::error_code();
    });
    if (error) {
        --in_flight_;
        return fail(request, error, thrown);
    }
    if (request.task->start(&AsyncWorkerThread::at_end, &request))
        finish(request);
}

Task<> AsyncWorkerThread::begin(AsyncRequest& request) {
    const std::uint64_t offset = request.request.offset;
    const std::uint32_t length = request.request.length, flags = request.request.flags;
    const auto op = request.request.op;
    const bool durable = (flags & USERBLK_REQ_FUA) != 0;
    auto& slot = request.slot;
    switch (op) {
    case USERBLK_OP_READ:
    case USERBLK_OP_WRITE: {
        requests_->touch(request, length);
        const auto data = request.buffer.first(length);
        if (op == USERBLK_OP_READ)
            return backend_->read(slot, offset, data);
        if (durable && !backend_fua_)
            return write_durably(slot, offset, data);
        return backend_->write(slot, offset, data, {.fua = durable});
    }
    case USERBLK_OP_FLUSH:
        return backend_->flush(slot);
    case USERBLK_OP_DISCARD:
        return backend_->discard(slot, offset, length);
    default:
        return backend_->write_zeroes(slot, offset, length,
                                      {durable, (flags & USERBLK_REQ_NOUNMAP) != 0});
    }
}

Task<> AsyncWorkerThread::write_durably(Slot& slot, std::uint64_t offset,
                                        std::span<const std::byte> data) {
    const auto error = co_await backend_->write(slot, offset, data, {});
    if (error)
        co_return error;
    co_return co_await backend_->flush(slot);
}

// Runs within the coroutine, which cannot be destroyed there.
void AsyncWorkerThread::at_end(void* context) noexcept {
    auto& request = *static_cast<AsyncRequest*>(context);
    auto& thread = *request.thread;
    request.next = thread.ended_;
    thread.ended_ = &request;
}

void AsyncWorkerThread::answer_ended() noexcept {
    while (ended_ != nullptr) {
        auto& request = *ended_;
        ended_ = request.next;
        finish(request);
    }
}

void AsyncWorkerThread::finish(AsyncRequest& request) noexcept {
    std::string thrown;
    const auto error = guarded(thrown, [&] { return request.task->result(); });
    request.task.reset();
    --in_flight_;
    if (error)
        fail(request, error, thrown);
    else
        kernel_.answer(request);
}

void AsyncWorkerThread::fail(AsyncRequest& request, std::error_code error,
                             const std::string& thrown) noexcept {
    kernel_.answer_error(request, answer_status(error));
    if (!gave_up_)
        log_.backend_failed(request.request, error, thrown);
}

} // namespace userblk
