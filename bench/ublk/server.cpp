// SPDX-License-Identifier: MIT
#include "bench/ublk/server.hpp"

#include <csignal>
#include <linux/prctl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

void pin(const cpu_set_t& processors, unsigned queue) {
    if (const int error =
            ::pthread_setaffinity_np(::pthread_self(), sizeof(processors), &processors))
        throw_error("run on the processors of queue " + std::to_string(queue), error);
}

} // namespace

Server::~Server() {
    try {
        stop();
    } catch (const std::exception& error) {
        complain(error.what());
    }
}

void Server::start() {
    const unsigned count = device_.queues() * options_.tasks;
    ready_.resize(count);
    processors_.reserve(count);
    threads_.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
        processors_.push_back(device_.affinity(i / options_.tasks));
        threads_.emplace_back([this, i] { work(i, ready_[i], &processors_[i]); });
    }
    // All of them, before the first failure is examined: stop() does not reach a thread that has
    // not fetched yet.
    std::vector<std::future<void>> results;
    for (auto& ready : ready_) {
        results.push_back(ready.get_future());
        results.back().wait();
    }
    for (auto& result : results)
        result.get();
    device_.start();
}

void Server::stop() {
    if (threads_.empty())
        return;
    device_.stop();
    threads_.clear();
    if (failure_)
        std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Server::work(unsigned thread, std::promise<void>& ready,
                  const cpu_set_t* processors) noexcept {
    try {
        serve(thread, ready, processors);
    } catch (...) {
        failed(ready);
    }
    ::kill(::getpid(), SIGTERM); // in vain, if that is why we exit
}

void Server::serve(unsigned thread, std::promise<void>& ready, const cpu_set_t* processors) {
    const unsigned queue = thread / options_.tasks;
    if (options_.pin)
        pin(*processors, queue);
    // With its own table a thread looks up a descriptor without an atomic operation on a counter
    // shared by all threads. Optional.
    ::unshare(CLONE_FILES);
    // The kernel's allocations on our behalf must not wait for our own disk.
    ::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
    Queue requests(device_, target_, options_.queue, queue, thread % options_.tasks,
                   options_.tasks);
    requests.fetch();
    ready.set_value();
    requests.serve();
}

void Server::failed(std::promise<void>& ready) noexcept {
    try {
        ready.set_exception(std::current_exception());
    } catch (const std::future_error&) { // it was ready before
        const std::lock_guard guard(mutex_);
        if (!failure_)
            failure_ = std::current_exception();
    }
}

} // namespace userblk::bench::ublk
