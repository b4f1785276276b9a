// SPDX-License-Identifier: MIT
#include "server.hpp"

#include <cstdio>
#include <cstring>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

namespace userblk::test {

userblk_answer serve_from(Store& from, const userblk_request& request) {
    if (request.offset + request.length > from.size())
        return complete(request.id, -EIO);
    std::uint8_t* at = from.data() + request.offset;
    switch (request.op) {
    case USERBLK_OP_READ:
        return complete_read(request.id, at, request.length);
    case USERBLK_OP_WRITE:
        return store(request.id, at, request.length);
    case USERBLK_OP_DISCARD:
    case USERBLK_OP_WRITE_ZEROES:
        std::memset(at, 0, request.length);
        return complete(request.id);
    default:
        return complete(request.id);
    }
}

std::size_t serve_once(int fd, Store& from, std::int64_t timeout) {
    std::vector<userblk_request> requests(32, record());
    const GetResult result = get(fd, requests, timeout);
    std::vector<userblk_answer> answers;
    for (std::uint32_t i = 0; i < result.count; i++)
        answers.push_back(serve_from(from, requests[i]));
    if (!answers.empty())
        put(fd, answers);
    return result.count;
}

int serve_by_poll(int fd, const std::function<void()>& serve) {
    for (;;) {
        const short events = poll_events(fd, POLLIN | POLLPRI, -1);
        if (events & (POLLHUP | POLLERR))
            return 0;
        if (events & POLLPRI)
            reset_dead(fd);
        if (events & POLLIN)
            serve();
    }
}

Server::Server(const TestDevice& device, Store& store)
    : control_(device.open_control()), stop_(eventfd(0, EFD_CLOEXEC)),
      answer_([&store](const userblk_request& request) { return serve_from(store, request); }),
      thread_([this] { run(); }) {}

Server::Server(const TestDevice& device, Answer answer)
    : control_(device.open_control()), stop_(eventfd(0, EFD_CLOEXEC)), answer_(std::move(answer)),
      strict_(true), thread_([this] { run(); }) {}

void Server::stop() {
    if (!thread_.joinable())
        return;
    eventfd_write(stop_.get(), 1);
    thread_.join();
}

std::vector<userblk_request> Server::seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
}

void Server::run() {
    std::vector<userblk_request> requests(32);
    for (;;) {
        pollfd entries[] = {{control_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (poll(entries, 2, -1) < 0 && errno != EINTR)
            return;
        if (entries[1].revents || entries[0].revents & (POLLHUP | POLLERR))
            return;
        std::fill(requests.begin(), requests.end(), record());
        const GetResult result = get(control_.get(), requests);
        std::vector<userblk_answer> answers;
        for (std::uint32_t i = 0; i < result.count; i++)
            answers.push_back(answer_(requests[i]));
        {
            std::lock_guard lock(mutex_);
            seen_.insert(seen_.end(), requests.begin(), requests.begin() + result.count);
        }
        if (answers.empty())
            continue;
        const PutResult put_result = put(control_.get(), answers);
        if (strict_) {
            EXPECT_EQ(put_result.failed, 0u) << -answers[0].result;
        }
    }
}

} // namespace userblk::test
