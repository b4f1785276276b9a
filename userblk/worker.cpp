// SPDX-License-Identifier: MIT
#include "userblk/worker.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/worker_thread.hpp"

#include <csignal>
#include <mutex>
#include <stdexcept>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace userblk {

namespace {

// A default-ignored signal that ends a wait in the kernel; its handler does nothing.
constexpr int wake_signal = SIGURG;

class WakeSignal {
public:
    WakeSignal() {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(wake_signal, &action, &before_); // no SA_RESTART: that is the point
    }
    WakeSignal(const WakeSignal&) = delete;
    WakeSignal& operator=(const WakeSignal&) = delete;
    ~WakeSignal() { ::sigaction(wake_signal, &before_, nullptr); }

private:
    struct sigaction before_ {};
};

void unblock_wake_signal() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, wake_signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

WorkerOptions checked(WorkerOptions options) {
    if (options.threads < 1 || options.threads > 1024)
        throw std::invalid_argument("a worker has 1 to 1024 threads");
    if (options.batch < 1 || options.batch > USERBLK_MAX_BATCH)
        throw std::invalid_argument("a batch has 1 to " + std::to_string(USERBLK_MAX_BATCH) +
                                    " requests");
    return options;
}

} // namespace

struct Worker::Shared {
    Shared(abi::ControlNode control, std::shared_ptr<Backend> store, WorkerOptions settings)
        : serving{std::move(control), std::move(store), checked(std::move(settings))} {}

    void run_thread(WorkerThread& thread) noexcept;
    void wait_for_end(const std::vector<std::thread>& threads) noexcept;

    Serving serving;
    std::vector<std::unique_ptr<WorkerThread>> threads;
    std::atomic<unsigned> running = 0;
    std::mutex mutex; // of failure
    std::exception_ptr failure;
};

Worker::Worker(abi::ControlNode node, std::shared_ptr<Backend> backend, WorkerOptions options)
    : shared_(std::make_unique<Shared>(std::move(node), std::move(backend), std::move(options))) {
    auto& serving = shared_->serving;
    serving.stop_event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!serving.stop_event)
        abi::throw_errno("make an event descriptor");
    const auto info = serving.node.info();
    serving.max_transfer = info.device.config.max_transfer;
    serving.queues = info.device.config.queues;
    serving.spin = serving.options.spin && serving.options.wait == WaitMode::serve &&
                   (info.device.features & USERBLK_FEATURE_SPIN) != 0;
    serving.redirect = (info.device.features & USERBLK_FEATURE_REDIRECT) != 0 &&
                       (info.device.config.flags & USERBLK_F_REDIRECT) != 0;
    serving.zeroes = (info.device.features & USERBLK_FEATURE_ZEROES) != 0;
    for (unsigned i = 0; i < serving.options.threads; ++i)
        shared_->threads.push_back(std::make_unique<WorkerThread>(serving, i));
}

Worker::~Worker() = default;

// One that ends, for whatever reason, ends all.
void Worker::Shared::run_thread(WorkerThread& thread) noexcept {
    try {
        thread.run();
    } catch (...) {
        const std::lock_guard guard(mutex);
        if (!failure)
            failure = std::current_exception();
    }
    serving.stop();
    --running;
}

// Threads that wait inside the kernel hear only signals. One that is sent just
// before a thread goes to wait is lost, so it is sent until all are out.
void Worker::Shared::wait_for_end(const std::vector<std::thread>& others) noexcept {
    serving.wait_for_stop();
    while (running > 0) {
        for (const auto& thread : others)
            ::pthread_kill(const_cast<std::thread&>(thread).native_handle(), wake_signal);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

WorkerEnd Worker::run() {
    auto& shared = *shared_;
    const bool here = shared.serving.options.wait == WaitMode::poll;
    std::optional<WakeSignal> signal;
    if (!here)
        signal.emplace();
    std::vector<std::thread> others;
    shared.running = static_cast<unsigned>(shared.threads.size());
    try {
        for (std::size_t i = here ? 1 : 0; i < shared.threads.size(); ++i)
            others.emplace_back([&shared, i] {
                unblock_wake_signal();
                shared.run_thread(*shared.threads[i]);
            });
    } catch (...) { // no more threads: serve with those that there are
        if (others.empty())
            throw;
        shared.running -= static_cast<unsigned>(shared.threads.size() - others.size() - here);
    }
    if (here)
        shared.run_thread(*shared.threads.front());
    else
        shared.wait_for_end(others);
    for (auto& thread : others)
        thread.join();
    if (shared.failure)
        std::rethrow_exception(shared.failure);
    return shared.serving.removed ? WorkerEnd::removed : WorkerEnd::stopped;
}

void Worker::take_place(unsigned place) noexcept {
    shared_->serving.place = place;
}

std::error_code Worker::populate() noexcept {
    for (const auto& thread : shared_->threads)
        if (const auto error = thread->populate())
            return error;
    return shared_->serving.backend->bring_in();
}

void Worker::stop() noexcept {
    shared_->serving.stop();
}

Worker::Counts Worker::counts() const noexcept {
    Counts sum;
    for (const auto& thread : shared_->threads)
        thread->add_counts(sum);
    return sum;
}

} // namespace userblk
