// SPDX-License-Identifier: MIT
#include "userblk/event_loop.hpp"

#include "ioctl/error.hpp"
#include "userblk/os/deadline.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <sys/eventfd.h>
#include <unistd.h>

namespace userblk {

EventLoop::EventLoop()
    : owner_(::pthread_self()), wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_fd_ < 0)
        abi::throw_errno("create an event descriptor");
    entries_.push_back({wake_fd_, POLLIN, 0});
    watched_.push_back(nullptr);
}

EventLoop::~EventLoop() {
    end_spawned(); // they wait here
    ::close(wake_fd_);
}

void EventLoop::attach() noexcept {
    owner_.store(::pthread_self(), std::memory_order_relaxed);
}

bool EventLoop::is_current() const noexcept {
    return ::pthread_equal(owner_.load(std::memory_order_relaxed), ::pthread_self()) != 0;
}

EventLoop::Sleep EventLoop::sleep_for(std::chrono::nanoseconds time) noexcept {
    return sleep_until(after(Clock::now(), time));
}

// A thread without requests in flight waits inside SERVE and does not see this: there is nothing
// that it could be woken for.
void EventLoop::wake() noexcept {
    const int saved = errno; // also runs in signal handlers
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof(one));
    errno = saved;
}

// ----------------------------------------------------------------- completions

void Completion::complete(std::error_code error) noexcept {
    error_ = error;
    if (!loop_.is_current())
        return loop_.post(*this);
    completed_ = true;
    if (awaiting_)
        loop_.append(*this);
}

// The object may be gone as soon as it is posted. Either this thread sees that the loop's thread
// sleeps, or that one sees what was posted before it does.
void EventLoop::post(Completion& completion) noexcept {
    auto* latest = posted_.load(std::memory_order_relaxed);
    do
        completion.next_ = latest;
    while (!posted_.compare_exchange_weak(latest, &completion));
    if (sleeping_.load() && sleeping_.exchange(false))
        wake();
}

void EventLoop::append(Completion& completion) noexcept {
    completion.ready_ = true;
    completion.next_ = nullptr;
    (last_ready_ != nullptr ? last_ready_->next_ : first_ready_) = &completion;
    last_ready_ = &completion;
}

// Rare: its coroutine is destroyed instead of being resumed.
void EventLoop::remove(Completion& completion) noexcept {
    Completion* previous = nullptr;
    for (auto* each = first_ready_; each != &completion; each = each->next_)
        previous = each;
    (previous != nullptr ? previous->next_ : first_ready_) = completion.next_;
    if (last_ready_ == &completion)
        last_ready_ = previous;
    completion.ready_ = false;
}

// In the order in which they were posted.
void EventLoop::collect_posted() noexcept {
    if (posted_.load(std::memory_order_relaxed) == nullptr)
        return;
    Completion* ordered = nullptr;
    for (auto* each = posted_.exchange(nullptr); each != nullptr;) {
        auto* const next = each->next_;
        each->next_ = ordered;
        ordered = each;
        each = next;
    }
    while (ordered != nullptr) {
        auto& completion = *ordered;
        ordered = ordered->next_;
        completion.completed_ = true;
        if (completion.awaiting_)
            append(completion);
    }
}

// What becomes ready meanwhile has its turn in the next call.
bool EventLoop::run() {
    collect_posted();
    const auto* const last = last_ready_;
    bool more = last != nullptr;
    const bool any = more;
    while (more && first_ready_ != nullptr) {
        auto& completion = *first_ready_;
        more = &completion != last;
        first_ready_ = completion.next_;
        if (first_ready_ == nullptr)
            last_ready_ = nullptr;
        completion.ready_ = false;
        completion.awaiting_.resume();
    }
    if (some_ended_)
        remove_ended();
    return any;
}

// --------------------------------------------------------------------- waiting

void EventLoop::wait(Clock::time_point limit) {
    sleeping_.store(true);
    const bool busy = first_ready_ != nullptr || posted_.load() != nullptr;
    if (first_sleep_ != nullptr)
        limit = std::min(limit, first_sleep_->time_);
    poll(busy ? Clock::time_point::min() : limit);
    run();
}

void EventLoop::poll(Clock::time_point limit) {
    timespec left{};
    if (limit != never && limit != Clock::time_point::min()) {
        const auto time =
            std::max<std::chrono::nanoseconds>(limit - Clock::now(), std::chrono::nanoseconds(0));
        left = {static_cast<time_t>(time.count() / 1'000'000'000),
                static_cast<long>(time.count() % 1'000'000'000)};
    }
    const int count =
        ::ppoll(entries_.data(), entries_.size(), limit == never ? nullptr : &left, nullptr);
    const int error = errno;
    sleeping_.store(false, std::memory_order_relaxed);
    if (count > 0)
        dispatch();
    else if (count < 0 && error != EINTR && error != ENOMEM && error != EAGAIN)
        abi::throw_error("wait for descriptors", abi::errno_code(error));
    resume_due();
}

// Those that are called may remove others.
void EventLoop::dispatch() {
    if (entries_[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto length = ::read(wake_fd_, &count, sizeof(count));
    }
    fired_.clear();
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        if (entries_[i].revents == 0)
            continue;
        watched_[i]->ready_ = entries_[i].revents;
        fired_.push_back(watched_[i]);
    }
    for (std::size_t i = 0; i < fired_.size(); ++i)
        if (auto* const watch = std::exchange(fired_[i], nullptr))
            watch->on_ready(watch->ready_);
    fired_.clear();
}

// ---------------------------------------------------------------------- watches

Watch::Watch(EventLoop& loop, int fd) : loop_(loop), fd_(fd) {
    loop_.make_room_for_watch();
}

Watch::~Watch() {
    want(0);
    --loop_.watches_;
}

void Watch::want(short events) noexcept {
    if (events == events_)
        return;
    events_ = events;
    if (events == 0)
        loop_.remove(*this);
    else if (index_ == EventLoop::no_index)
        loop_.add(*this);
    else
        loop_.entries_[index_].events = events;
}

// So that add() and dispatch() need no memory.
void EventLoop::make_room_for_watch() {
    const auto needed = watches_ + 2;
    for (auto* const list : {&watched_, &fired_})
        if (list->capacity() < needed)
            list->reserve(2 * needed);
    if (entries_.capacity() < needed)
        entries_.reserve(2 * needed);
    ++watches_;
}

void EventLoop::add(Watch& watch) noexcept {
    watch.index_ = entries_.size();
    entries_.push_back({watch.fd_, watch.events_, 0});
    watched_.push_back(&watch);
}

void EventLoop::remove(Watch& watch) noexcept {
    const auto index = std::exchange(watch.index_, no_index);
    entries_[index] = entries_.back();
    watched_[index] = watched_.back();
    watched_[index]->index_ = index == entries_.size() - 1 ? no_index : index;
    entries_.pop_back();
    watched_.pop_back();
    std::replace(fired_.begin(), fired_.end(), &watch, static_cast<Watch*>(nullptr));
}

// ------------------------------------------------------------------------ times

// The list is short, and most new ones are its last.
void EventLoop::add(Sleep& sleep) noexcept {
    auto* before = last_sleep_;
    while (before != nullptr && before->time_ > sleep.time_)
        before = before->previous_;
    sleep.previous_ = before;
    sleep.next_ = before != nullptr ? before->next_ : first_sleep_;
    (before != nullptr ? before->next_ : first_sleep_) = &sleep;
    (sleep.next_ != nullptr ? sleep.next_->previous_ : last_sleep_) = &sleep;
    sleep.waits_ = true;
}

void EventLoop::remove(Sleep& sleep) noexcept {
    (sleep.previous_ != nullptr ? sleep.previous_->next_ : first_sleep_) = sleep.next_;
    (sleep.next_ != nullptr ? sleep.next_->previous_ : last_sleep_) = sleep.previous_;
    sleep.waits_ = false;
}

// Those that are due now: a coroutine that sleeps again has its turn later.
void EventLoop::resume_due() noexcept {
    if (first_sleep_ == nullptr)
        return;
    const auto now = Clock::now();
    while (first_sleep_ != nullptr && first_sleep_->time_ <= now) {
        auto& sleep = *first_sleep_;
        remove(sleep);
        sleep.awaiting_.resume();
    }
}

// -------------------------------------------------------------------- coroutines

void EventLoop::start(std::unique_ptr<Spawned> spawned, Task<void> task) {
    auto& coroutine = *spawned;
    coroutine.task_.emplace(std::move(task));
    spawned_.push_back(std::move(spawned));
    if (coroutine.task_->start(&Spawned::at_end, &coroutine))
        some_ended_ = true;
}

void EventLoop::Spawned::at_end(void* spawned) noexcept {
    static_cast<Spawned*>(spawned)->loop_.some_ended_ = true;
}

void EventLoop::remove_ended() {
    some_ended_ = false;
    std::vector<std::unique_ptr<Spawned>> ended;
    const auto first = std::stable_partition(
        spawned_.begin(), spawned_.end(), [](const auto& each) { return !each->task_->ended(); });
    std::move(first, spawned_.end(), std::back_inserter(ended));
    spawned_.erase(first, spawned_.end());
    for (const auto& each : ended)
        each->task_->result();
}

} // namespace userblk
