// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "abi.hpp"
#include "buffer.hpp"
#include "fd.hpp"
#include "test_device.hpp"

namespace userblk::test {

// The answer that makes the store do what the request asks for. Payloads move directly between the
// request and the store.
userblk_answer serve_from(Store& store, const userblk_request& request);

// Takes whatever is queued now, answers it from the store; how many records were taken. For
// children too; an error ends the process.
std::size_t serve_once(int fd, Store& store, std::int64_t timeout = no_wait);

// A worker driven by poll, for children: puts back what the dead held, and calls the function
// whenever requests wait, until the device goes. For the child's exit status: 0.
int serve_by_poll(int fd, const std::function<void()>& serve);

// Serves a device in a thread of this process, driven by poll, until it goes.
class Server {
public:
    using Answer = std::function<userblk_answer(const userblk_request&)>;

    Server(const TestDevice& device, Store& store);
    // With the answers that the function gives; all of them must be accepted.
    Server(const TestDevice& device, Answer answer);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { stop(); }

    void stop();
    // What it answered so far.
    std::vector<userblk_request> seen() const;

private:
    void run();

    Fd control_;
    Fd stop_;
    Answer answer_;
    bool strict_ = false;
    mutable std::mutex mutex_;
    std::vector<userblk_request> seen_;
    std::thread thread_;
};

} // namespace userblk::test
