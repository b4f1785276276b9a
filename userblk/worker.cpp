// SPDX-License-Identifier: MIT
#include "userblk/worker.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/device.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/units.hpp"
#include "userblk/worker/async_worker_thread.hpp"
#include "userblk/worker/batch_size.hpp"
#include "userblk/worker/healer.hpp"
#include "userblk/worker/run_limit.hpp"
#include "userblk/worker/worker_thread.hpp"

#include <mutex>
#include <optional>
#include <stdexcept>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace userblk {

namespace {

WorkerOptions checked(WorkerOptions options) {
    if (options.threads < 1 || options.threads > 1024)
        throw std::invalid_argument("a worker has 1 to 1024 threads");
    if (options.batch == 0)
        options.batch = default_batch();
    if (options.batch > USERBLK_MAX_BATCH)
        throw std::invalid_argument("a batch has at most " + std::to_string(USERBLK_MAX_BATCH) +
                                    " requests");
    return options;
}

// Who heals the device would put back the requests of a dead worker too early.
void check_store_class(const WorkerState& state, const Store& backend) {
    const auto store = backend.describe().store_class;
    if (store <= state.store_class)
        return;
    throw std::runtime_error(abi::disk_name(state.node.number()) + " has the store class " +
                             store_class_name(state.store_class) +
                             ", but writes to this store may land after the death "
                             "of a worker; create the device with --store-class " +
                             store_class_name(store));
}

} // namespace

struct [[gnu::visibility("hidden")]] Worker::Shared {
    Shared(abi::ControlNode control, const WorkerOptions& settings);

    void make_threads(std::shared_ptr<Backend> backend);
    void make_threads(const AsyncBackendFactory& make);
    void check_store();
    void run_thread(ServingThread & thread) noexcept;
    void start_others(std::vector<std::thread> & others);

    WorkerState state;
    bool claimed = false;
    std::vector<std::unique_ptr<ServingThread>> threads;
    std::mutex mutex; // guards failure
    std::exception_ptr failure;
};

Worker::Shared::Shared(abi::ControlNode control, const WorkerOptions& settings)
    : state(std::move(control), checked(settings)) {
    state.stop_event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!state.stop_event)
        abi::throw_errno("create an event descriptor");
    const auto info = state.node.info();
    state.max_transfer = info.device.config.max_transfer;
    state.queues = info.device.config.queues;
    state.depth = info.device.config.depth;
    state.batch_given = settings.batch != 0;
    state.spin = state.options.spin && state.options.wait == WaitMode::serve &&
                 (info.device.features & USERBLK_FEATURE_SPIN) != 0;
    state.store_class = static_cast<StoreClass>(info.device.config.store_class);
    state.wait_flags =
        (state.threads_heal() ? USERBLK_GET_WATCH : 0) | (state.spin ? USERBLK_GET_SPIN : 0);
    state.wake =
        state.options.wait == WaitMode::serve && (info.device.features & USERBLK_FEATURE_WAKE) != 0;
    state.redirect = (info.device.features & USERBLK_FEATURE_REDIRECT) != 0 &&
                     (info.device.config.flags & USERBLK_F_REDIRECT) != 0;
    state.zeroes = (info.device.features & USERBLK_FEATURE_ZEROES) != 0;
}

void Worker::Shared::make_threads(std::shared_ptr<Backend> backend) {
    state.backend = std::move(backend);
    for (unsigned i = 0; i < state.options.threads; ++i)
        threads.push_back(std::make_unique<WorkerThread>(state, i));
    check_store();
}

void Worker::Shared::make_threads(const AsyncBackendFactory& make) {
    state.device = Device::context_of(state.node);
    for (unsigned i = 0; i < state.options.threads; ++i)
        threads.push_back(std::make_unique<AsyncWorkerThread>(state, i, make));
    check_store();
}

void Worker::Shared::check_store() {
    check_store_class(state, threads.front()->store());
    if (state.options.store.empty())
        state.options.store = store_names(threads.front()->store().store_files());
}

Worker::Worker(abi::ControlNode node, std::shared_ptr<Backend> backend, WorkerOptions options)
    : shared_(std::make_unique<Shared>(std::move(node), options)) {
    shared_->make_threads(std::move(backend));
}

Worker::Worker(abi::ControlNode node, const StoreFactory& make, WorkerOptions options)
    : shared_(std::make_unique<Shared>(std::move(node), options)) {
    if (const auto* const blocking = std::get_if<BackendFactory>(&make))
        shared_->make_threads((*blocking)(Device::context_of(shared_->state.node)));
    else
        shared_->make_threads(std::get<AsyncBackendFactory>(make));
}

Worker::~Worker() = default;

// A thread that ends, for any reason, ends all.
void Worker::Shared::run_thread(ServingThread& thread) noexcept {
    try {
        thread.run();
    } catch (...) {
        const std::lock_guard guard(mutex);
        if (!failure)
            failure = std::current_exception();
    }
    state.stop();
}

// Starts the other threads; on failure the worker continues with those it has.
void Worker::Shared::start_others(std::vector<std::thread>& others) {
    others.reserve(threads.size());
    try {
        for (std::size_t i = 1; i < threads.size(); ++i)
            others.emplace_back([this, i] {
                forgo_restartable_sequences(); // failure only costs speed
                run_thread(*threads[i]);
            });
    } catch (const std::exception& error) {
        state.log(LogLevel::warning, "serving with " + format_count(others.size() + 1, "thread") +
                                         ", unable to start more: " + error.what());
    }
}

namespace {

DeviceContext identity_of(const abi::ControlNode& node) {
    DeviceContext device;
    device.number = node.number();
    try {
        device.diskseq = abi::read_attributes(device.number).diskseq;
    } catch (const abi::NoSuchDevice&) {
        // The device, or sysfs, is gone: devices cannot be distinguished then.
    }
    return device;
}

} // namespace

const Store& Worker::store() const noexcept {
    return shared_->threads.front()->store();
}

void Worker::claim() {
    const auto& state = shared_->state;
    userblk::claim_store(state.node, store(), identity_of(state.node), state.options.share);
    shared_->claimed = true;
}

void Worker::claim_store() {
    const auto& state = shared_->state;
    claim_files(store(), identity_of(state.node), state.options.share);
}

WorkerEnd Worker::run() {
    auto& shared = *shared_;
    if (!shared.claimed)
        claim();
    std::optional<InterruptSignal> signal;
    if (shared.state.options.wait == WaitMode::serve && !shared.state.wake)
        signal.emplace();
    std::optional<Healer> healer;
    if (!shared.state.threads_heal())
        healer.emplace(shared.state, store());
    std::optional<RunLimit> limit;
    if (shared.state.adapts_scheduling())
        limit.emplace();
    std::vector<std::thread> others;
    shared.start_others(others);
    shared.run_thread(*shared.threads.front());
    for (auto& thread : others)
        thread.join();
    shared.state.stop_interrupting();
    shared.state.log_suppressed();
    if (shared.failure)
        std::rethrow_exception(shared.failure);
    return shared.state.removed ? WorkerEnd::removed : WorkerEnd::stopped;
}

void Worker::take_place(unsigned place) noexcept {
    shared_->state.place = place;
}

std::error_code Worker::preload() noexcept {
    for (const auto& thread : shared_->threads)
        if (const auto error = thread->preload())
            return error;
    const auto& backend = shared_->state.backend;
    return backend ? backend->preload() : std::error_code();
}

void Worker::stop() noexcept {
    shared_->state.stop();
}

Worker::Counts Worker::counts() const noexcept {
    Counts sum;
    for (const auto& thread : shared_->threads)
        thread->add_counts(sum);
    shared_->state.healer_counters.add_to(sum);
    return sum;
}

} // namespace userblk
