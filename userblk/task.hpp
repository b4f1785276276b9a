// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/slot.hpp"

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace userblk {

namespace detail {

/// What the promises of all tasks have in common: the memory, and what happens at the end.
class TaskPromise {
public:
    /// Called in the coroutine's last suspension; must not destroy it.
    using Ended = void (*)(void* context) noexcept;

    /// The frame lies in the slot that is among the coroutine's parameters. An error here,
    /// "no matching function for call to operator new", means that there is none.
    template <class... Parameters>
    requires(std::same_as<Slot, std::remove_const_t<Parameters>> || ...) static void*
    operator new(std::size_t size, Parameters&... parameters) {
        Slot* slot = nullptr;
        const auto look = [&slot]<class Parameter>(Parameter& parameter) {
            if constexpr (std::same_as<Slot, Parameter>)
                slot = slot == nullptr ? &parameter : slot;
        };
        (look(parameters), ...);
        return slot->allocate(size);
    }
    static void operator delete(void* memory) noexcept { Slot::free(memory); }

    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct Last {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            return ended.promise().next();
        }
        void await_resume() const noexcept {}
    };
    Last final_suspend() const noexcept { return {}; }

    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

    void resume_at_end(std::coroutine_handle<> awaiting) noexcept { awaiting_ = awaiting; }
    void call_at_end(Ended ended, void* context) noexcept {
        ended_ = ended;
        context_ = context;
    }

protected:
    void rethrow() const {
        if (exception_)
            std::rethrow_exception(exception_);
    }

private:
    std::coroutine_handle<> next() const noexcept {
        if (awaiting_)
            return awaiting_;
        if (ended_ != nullptr)
            ended_(context_);
        return std::noop_coroutine();
    }

    std::coroutine_handle<> awaiting_; ///< resumed at the end
    Ended ended_ = nullptr;
    void* context_ = nullptr;
    std::exception_ptr exception_;
};

template <class Result>
class ResultPromise : public TaskPromise {
public:
    template <class Value>
    void return_value(Value&& value) {
        value_.emplace(std::forward<Value>(value));
    }
    Result result() {
        rethrow();
        return std::move(*value_);
    }

private:
    std::optional<Result> value_;
};

template <>
class ResultPromise<void> : public TaskPromise {
public:
    void return_void() const noexcept {}
    void result() const { rethrow(); }
};

/// The result of an operation.
template <>
class ResultPromise<std::error_code> : public TaskPromise {
public:
    void return_value(std::error_code value) noexcept { value_ = value; }
    std::error_code result() const {
        rethrow();
        return value_;
    }

private:
    std::error_code value_;
};

} // namespace detail

/// A coroutine, with its result. It starts when it is awaited:
///
///     const std::error_code error = co_await inner.read(slot, offset, data);
///
/// and then runs in the awaiting thread: at first at once, later whenever what it waits for has
/// come. An exception that leaves it is thrown where it is awaited. Its frame lies in a Slot,
/// which has to be one of its parameters; what else the parameters refer to must live until its
/// end. A lambda's captures are no parameters: they are gone with the lambda.
///
/// Await it once. A task that was never awaited does nothing. Do not destroy one that waits, for
/// anything but a descriptor or a time: someone holds a reference to its frame.
template <class Result = std::error_code>
class [[nodiscard]] Task {
public:
    struct promise_type : detail::ResultPromise<Result> {
        Task get_return_object() noexcept {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
    };

    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_)
            handle_.destroy();
    }

    // What co_await calls. A task that ends without waiting returns here, so that a loop over
    // many of them needs no deep stack.
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) {
        handle_.resume();
        if (handle_.done())
            return false;
        handle_.promise().resume_at_end(awaiting);
        return true;
    }
    Result await_resume() { return handle_.promise().result(); }

    /// @name For code that is no coroutine
    /// @{
    /// Starts it, in place of co_await. @p at_end is called with @p context if it ends later, from
    /// within the coroutine, which it must not destroy.
    /// @returns whether it has ended already; @p at_end is not called then
    bool start(detail::TaskPromise::Ended at_end, void* context) {
        handle_.resume();
        if (handle_.done())
            return true;
        handle_.promise().call_at_end(at_end, context);
        return false;
    }
    bool ended() const noexcept { return handle_.done(); }
    /// Once it has ended. @throws the exception that left it
    Result result() { return handle_.promise().result(); }
    /// @}

private:
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

} // namespace userblk
