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

// The answer that makes the store execute the request. Payloads are copied directly between the
// request and the store.
userblk_answer serve_from(Store& store, const userblk_request& request);

// Takes what is queued now and answers it from the store; returns the number of records taken. For
// children too: an error exits the process.
std::size_t serve_once(int fd, Store& store, std::int64_t timeout = no_wait);

// A worker driven by poll, for children: resets requests of dead takers and calls the function
// whenever requests are queued, until the device is removed. Returns the child's exit status: 0.
int serve_by_poll(int fd, const std::function<void()>& serve);

// Serves a device in a thread of this process, driven by poll, until the device is removed.
class Server {
public:
    using Answer = std::function<userblk_answer(const userblk_request&)>;

    Server(const TestDevice& device, Store& store);
    // Sends the answers that the function returns; all must be accepted.
    Server(const TestDevice& device, Answer answer);
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { stop(); }

    void stop();
    // What it has answered so far.
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
