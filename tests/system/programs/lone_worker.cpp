// SPDX-License-Identifier: MIT
//
// usage: lone_worker DEV BACKEND [THREADS [serve]]
//
// One worker process of the library and nothing else: no supervisor, no knowledge of other
// processes that serve the device. Prints "ready" when it begins; SIGTERM ends it.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include "userblk/userblk.hpp"

namespace {

userblk::Worker* the_worker;

void stop(int) {
    the_worker->stop();
}

int serve(const std::string& dev, const std::string& spec, userblk::WorkerOptions options) {
    const userblk::Device device = userblk::Device::open(dev);
    userblk::Worker worker(userblk::abi::ControlNode(device.number()),
                           userblk::BackendSpec::parse(spec).open(device.context()), options);
    the_worker = &worker;
    std::signal(SIGTERM, stop);
    std::puts("ready");
    std::fflush(stdout);
    worker.run();
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3)
        return 2;
    userblk::WorkerOptions options;
    if (argc > 3)
        options.threads = static_cast<unsigned>(std::atoi(argv[3]));
    if (argc > 4)
        options.wait = userblk::WaitMode::serve;
    try {
        return serve(argv[1], argv[2], options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lone_worker: %s\n", error.what());
        return 1;
    }
}
