// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/slot.hpp"
#include "userblk/task.hpp"

#include <atomic>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <poll.h>
#include <pthread.h>
#include <system_error>
#include <utility>
#include <vector>

namespace userblk {

class Completion;
class Watch;

/// What the coroutines of one thread wait for: descriptors, times, and other threads. A serving
/// thread has one; its AsyncBackend gets a reference.
///
///     co_await loop.readable(fd);
///     co_await loop.sleep_for(10ms);
///     Completion done(loop);          // another thread calls done.complete()
///     const auto error = co_await done;
///
/// While the thread has no request in flight, it waits for the next one inside the kernel, and
/// looks at nothing else: what is due then waits for that request.
///
/// All functions are for the thread of the loop, except those that say otherwise. Waiting allocates
/// no memory once there have been as many descriptors at a time.
class EventLoop {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr Clock::time_point never = Clock::time_point::max();

    /// @throws std::system_error "unable to create an event descriptor"
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    class Readiness;
    class Sleep;

    /// co_await waits for poll(2)'s @p events, an error, or @p limit, and returns what has come;
    /// 0: it is later than @p limit. The descriptor must stay open meanwhile.
    Readiness ready(int fd, short events, Clock::time_point limit = never);
    Readiness readable(int fd);
    Readiness writable(int fd);
    /// co_await waits until then.
    Sleep sleep_until(Clock::time_point time) noexcept;
    Sleep sleep_for(std::chrono::nanoseconds time) noexcept;

    /// Starts a coroutine that belongs to no request, such as one that renews a connection:
    /// calls @p start, which is kept until the end, with the coroutine's slot. An exception that
    /// leaves it ends the worker. What has not ended is destroyed before the backend.
    ///
    ///     loop.spawn([this](Slot& slot) { return keep_connected(slot); });
    template <class Start>
    void spawn(Start start);

    /// Ends the wait of the loop's thread, or the next one, if it has requests in flight. Callable
    /// from any thread and from signal handlers.
    void wake() noexcept;

    /// @name For those who run a loop: the worker, and tests
    /// @{
    /// The calling thread is the loop's from now on; without a call it is the one that made it.
    void attach() noexcept;
    bool is_current() const noexcept;
    /// Resumes what is ready now, without waiting. @returns whether anything was
    /// @throws what left a coroutine of spawn()
    bool run();
    /// Waits for an event until @p limit, and resumes what waited for it.
    /// @throws std::system_error if the kernel refuses to wait; like run()
    void wait(Clock::time_point limit = never);
    /// Destroys the coroutines of spawn() that have not ended.
    void end_spawned() noexcept { spawned_.clear(); }
    /// @}

private:
    friend class Completion;
    friend class Watch;

    class Spawned {
    public:
        explicit Spawned(EventLoop& loop) noexcept : loop_(loop) {}
        virtual ~Spawned() = default;
        static void at_end(void* spawned) noexcept;

        Slot slot_;
        std::optional<Task<void>> task_;

    private:
        EventLoop& loop_;
    };
    template <class Start>
    struct SpawnedBy;

    void start(std::unique_ptr<Spawned> spawned, Task<void> task);
    void remove_ended();
    void post(Completion& completion) noexcept;
    void append(Completion& completion) noexcept;
    void remove(Completion& completion) noexcept;
    void collect_posted() noexcept;
    void poll(Clock::time_point limit);
    void resume_due() noexcept;
    void dispatch();
    void make_room_for_watch();
    void add(Watch& watch) noexcept;
    void remove(Watch& watch) noexcept;
    void add(Sleep& sleep) noexcept;
    void remove(Sleep& sleep) noexcept;

    static constexpr std::size_t no_index = ~std::size_t{0};

    std::atomic<pthread_t> owner_;
    int wake_fd_ = -1;
    std::atomic<bool> sleeping_ = false;
    std::atomic<Completion*> posted_ = nullptr; ///< by other threads; the latest first
    Completion* first_ready_ = nullptr;
    Completion* last_ready_ = nullptr;
    Sleep* first_sleep_ = nullptr; ///< in the order of their times
    Sleep* last_sleep_ = nullptr;
    std::size_t watches_ = 0;
    std::vector<pollfd> entries_; ///< the first is that of wake()
    std::vector<Watch*> watched_; ///< by index in entries_
    std::vector<Watch*> fired_;   ///< not called yet
    std::vector<std::unique_ptr<Spawned>> spawned_;
    bool some_ended_ = false; ///< of spawned_
};

/// Calls a function of the derived class whenever a descriptor is ready; for libraries that have
/// a connection with callbacks. See EventLoop::ready() for waiting within a coroutine.
class Watch {
public:
    /// Waits for nothing yet. @p fd must stay open while the object lives.
    Watch(EventLoop& loop, int fd);
    virtual ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Waits for these events of poll(2), or for errors; 0: for nothing, not even errors. Cheap:
    /// no system call.
    void want(short events) noexcept;
    short wanted() const noexcept { return events_; }
    int fd() const noexcept { return fd_; }

protected:
    EventLoop& loop() const noexcept { return loop_; }
    /// The descriptor is ready. May destroy the object.
    virtual void on_ready(short events) = 0;

private:
    friend class EventLoop;

    EventLoop& loop_;
    int fd_;
    short events_ = 0;
    short ready_ = 0;
    std::size_t index_ = EventLoop::no_index;
};

/// See EventLoop::sleep_until().
class EventLoop::Sleep {
public:
    Sleep(EventLoop& loop, Clock::time_point time) noexcept : loop_(loop), time_(time) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;
    ~Sleep() { stop(); }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        awaiting_ = awaiting;
        loop_.add(*this);
    }
    void await_resume() const noexcept {}

    void stop() noexcept {
        if (waits_)
            loop_.remove(*this);
    }

private:
    friend class EventLoop;

    EventLoop& loop_;
    Clock::time_point time_;
    std::coroutine_handle<> awaiting_;
    Sleep* previous_ = nullptr;
    Sleep* next_ = nullptr;
    bool waits_ = false;
};

/// See EventLoop::ready().
class EventLoop::Readiness final : private Watch {
public:
    Readiness(EventLoop& loop, int fd, short events, Clock::time_point limit)
        : Watch(loop, fd), limit_(loop, limit), events_(events), limited_(limit != never) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        awaiting_ = awaiting;
        want(events_);
        if (limited_)
            limit_.await_suspend(awaiting);
    }
    short await_resume() noexcept {
        want(0);
        return came_;
    }

private:
    void on_ready(short events) override {
        came_ = events;
        limit_.stop();
        awaiting_.resume();
    }

    Sleep limit_;
    std::coroutine_handle<> awaiting_;
    short events_;
    short came_ = 0;
    bool limited_;
};

/// The end of something that a library does: whoever knows of it calls complete(), in any thread,
/// and the coroutine that awaits the object goes on in its own.
///
///     Completion done(loop());
///     library_read(handle, data.data(), data.size(), offset, [](void* context, int error) {
///         static_cast<Completion*>(context)->complete(userblk::abi::errno_code(error));
///     }, &done);
///     co_return co_await done;
///
/// It must live until complete() has been called, and is gone soon after that. The loop must live
/// until complete() has returned, so a backend's destructor ends its library's threads.
class Completion {
public:
    explicit Completion(EventLoop& loop) noexcept : loop_(loop) {}
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;
    ~Completion() {
        if (ready_)
            loop_.remove(*this);
    }

    /// Call it once, from any thread, before or after the object is awaited. The coroutine is not
    /// resumed within the call.
    void complete(std::error_code error = {}) noexcept;

    // An object of its own: GCC 12 copies what a lambda has captured.
    struct Awaiter {
        bool await_ready() const noexcept { return of.completed_; }
        void await_suspend(std::coroutine_handle<> awaiting) const noexcept {
            of.awaiting_ = awaiting;
        }
        std::error_code await_resume() const noexcept { return of.error_; }
        Completion& of;
    };
    Awaiter operator co_await() noexcept { return {*this}; }

private:
    friend class EventLoop;

    EventLoop& loop_;
    Completion* next_ = nullptr;
    std::coroutine_handle<> awaiting_;
    std::error_code error_;
    bool completed_ = false; ///< as the loop's thread knows
    bool ready_ = false;     ///< waits to be resumed
};

inline EventLoop::Readiness EventLoop::ready(int fd, short events, Clock::time_point limit) {
    return Readiness(*this, fd, events, limit);
}

inline EventLoop::Readiness EventLoop::readable(int fd) {
    return ready(fd, POLLIN);
}

inline EventLoop::Readiness EventLoop::writable(int fd) {
    return ready(fd, POLLOUT);
}

inline EventLoop::Sleep EventLoop::sleep_until(Clock::time_point time) noexcept {
    return Sleep(*this, time);
}

template <class Start>
struct EventLoop::SpawnedBy final : Spawned {
    SpawnedBy(EventLoop& loop, Start start) : Spawned(loop), start_(std::move(start)) {}
    ~SpawnedBy() override { task_.reset(); } // it may use what start_ has captured
    Start start_;
};

template <class Start>
void EventLoop::spawn(Start begin) {
    auto spawned = std::make_unique<SpawnedBy<Start>>(*this, std::move(begin));
    auto task = spawned->start_(spawned->slot_);
    start(std::move(spawned), std::move(task));
}

} // namespace userblk
