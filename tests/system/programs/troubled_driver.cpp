// SPDX-License-Identifier: MIT
//
// usage: troubled_driver DEV BACKEND WORKERS THREADS crash OFFSET
//        troubled_driver DEV BACKEND WORKERS THREADS exit OFFSET STATUS
//        troubled_driver DEV BACKEND WORKERS THREADS loop OFFSET FILE
//        troubled_driver DEV BACKEND WORKERS THREADS slow OFFSET FILE
//
// A supervisor whose workers one request is too much for, the read or write at OFFSET: they abort
// or exit before they carry it out; or they carry it out and then, instead of answering, loop for
// as long as FILE exists. Or they take until FILE exists to open their store. Logs everything to
// standard error.
#include <csignal>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "userblk/userblk.hpp"

namespace {

class Troubled : public userblk::TransparentDecorator {
public:
    Troubled(std::shared_ptr<userblk::Backend> inner, std::string what, std::uint64_t offset,
             std::string argument)
        : TransparentDecorator(std::move(inner)), what_(std::move(what)), offset_(offset),
          argument_(std::move(argument)) {}

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        end_at(offset, data.size());
        const std::error_code error = Decorator::read(offset, data);
        loop_at(offset, data.size());
        return error;
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          userblk::WriteFlags flags) override {
        end_at(offset, data.size());
        const std::error_code error = Decorator::write(offset, data, flags);
        loop_at(offset, data.size());
        return error;
    }

private:
    bool is_it(std::uint64_t offset, std::uint64_t length) const {
        return offset <= offset_ && offset_ < offset + length;
    }
    void end_at(std::uint64_t offset, std::uint64_t length) const {
        if (!is_it(offset, length))
            return;
        if (what_ == "crash")
            std::abort();
        if (what_ == "exit")
            std::exit(std::atoi(argument_.c_str()));
    }
    void loop_at(std::uint64_t offset, std::uint64_t length) const {
        while (what_ == "loop" && is_it(offset, length) && !access(argument_.c_str(), F_OK))
            ;
    }

    std::string what_;
    std::uint64_t offset_;
    std::string argument_;
};

unsigned number(const char* text) {
    return static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 7)
        return 2;
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    try {
        const userblk::Device device = userblk::Device::open(argv[1]);
        userblk::PoolOptions options;
        options.workers = number(argv[3]);
        options.worker.threads = number(argv[4]);
        options.log = userblk::log_to_stderr("troubled_driver", userblk::LogLevel::debug);
        const auto open = userblk::BackendSpec::parse(argv[2]).factory(options.log);
        const std::uint64_t offset = std::strtoull(argv[6], nullptr, 10);
        const std::string what = argv[5], argument = argc > 7 ? argv[7] : "";
        userblk::Pool pool(
            device.number(),
            [=](const userblk::DeviceContext& context) {
                while (what == "slow" && access(argument.c_str(), F_OK))
                    usleep(10'000);
                return std::make_shared<Troubled>(open(context), what, offset, argument);
            },
            options);
        pool.run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "troubled_driver: %s\n", error.what());
        return 1;
    }
}
