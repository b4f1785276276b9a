// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <thread>

#include "tests/support/test_device.hpp"
#include "userblk/userblk.hpp"

namespace userblk::test {

// A library worker in a thread of this process, for backends that the test inspects.
class LibraryDriver {
public:
    LibraryDriver(const TestDevice& device, std::shared_ptr<Backend> backend, unsigned int threads,
                  LogFunction log = {})
        : worker_(abi::ControlNode(device.number()), std::move(backend),
                  options(threads, std::move(log))),
          thread_([this] { worker_.run(); }) {}
    LibraryDriver(const LibraryDriver&) = delete;
    LibraryDriver& operator=(const LibraryDriver&) = delete;
    ~LibraryDriver() {
        worker_.stop();
        thread_.join();
    }

private:
    static WorkerOptions options(unsigned int threads, LogFunction log) {
        WorkerOptions result;
        result.threads = threads;
        result.log = std::move(log);
        return result;
    }

    Worker worker_;
    std::thread thread_;
};

} // namespace userblk::test
