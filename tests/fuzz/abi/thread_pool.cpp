// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/thread_pool.hpp"

#include <algorithm>
#include <chrono>

namespace userblk::fuzz {

ThreadPool::ThreadPool(std::span<const std::unique_ptr<Kcov>> records) {
    for (const std::unique_ptr<Kcov>& record : records) {
        Member& member = *members_.emplace_back(std::make_unique<Member>());
        member.thread = std::thread([this, &member, &record] { work(member, *record); });
    }
}

ThreadPool::~ThreadPool() {
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
    for (const std::unique_ptr<Member>& member : members_)
        member->thread.join();
}

void ThreadPool::work(Member& member, Kcov& record) {
    record.attach();
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return over_ || member.task; });
        if (!member.task)
            return;
        lock.unlock();
        member.task(member.buffers);
        lock.lock();
        member.task = nullptr;
        changed_.notify_all();
    }
}

bool ThreadPool::start(Task task) {
    const std::lock_guard lock(mutex_);
    const auto member =
        std::find_if(members_.begin(), members_.end(), [](const auto& one) { return !one->task; });
    if (member == members_.end())
        return false;
    (*member)->task = std::move(task);
    changed_.notify_all();
    return true;
}

bool ThreadPool::start_and_wait(Task task) {
    if (!start(std::move(task)))
        return false;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::microseconds(500), [this] {
        return std::all_of(members_.begin(), members_.end(),
                           [](const auto& one) { return !one->task; });
    });
    return true;
}

bool ThreadPool::idle() {
    const std::lock_guard lock(mutex_);
    return std::all_of(members_.begin(), members_.end(),
                       [](const auto& one) { return !one->task; });
}

} // namespace userblk::fuzz
