// SPDX-License-Identifier: MIT
//
// usage: troubled_driver DEV BACKEND WORKERS THREADS crash OFFSET
//        troubled_driver DEV BACKEND WORKERS THREADS loop OFFSET FILE
//
// A supervisor with workers that one request is too much for, the read or write of OFFSET: they
// abort before they carry it out; or they carry it out and then, instead of answering, go round in
// circles for as long as FILE is there. Logs to standard error, all that there is.
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

class Troubled : public userblk::Decorator {
public:
    Troubled(std::shared_ptr<userblk::Backend> inner, std::uint64_t offset, std::string file)
        : Decorator(std::move(inner)), offset_(offset), file_(std::move(file)) {}

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        crash_at(offset, data.size());
        const std::error_code error = Decorator::read(offset, data);
        loop_at(offset, data.size());
        return error;
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          userblk::WriteFlags flags) override {
        crash_at(offset, data.size());
        const std::error_code error = Decorator::write(offset, data, flags);
        loop_at(offset, data.size());
        return error;
    }

private:
    bool is_it(std::uint64_t offset, std::uint64_t length) const {
        return offset <= offset_ && offset_ < offset + length;
    }
    void crash_at(std::uint64_t offset, std::uint64_t length) const {
        if (file_.empty() && is_it(offset, length))
            std::abort();
    }
    void loop_at(std::uint64_t offset, std::uint64_t length) const {
        while (!file_.empty() && is_it(offset, length) && !access(file_.c_str(), F_OK))
            ;
    }

    std::uint64_t offset_;
    std::string file_; // empty: crash
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
        const std::string file = argc > 7 ? argv[7] : "";
        userblk::Pool pool(
            device.number(),
            [=](const userblk::DeviceContext& context) {
                return std::make_shared<Troubled>(open(context), offset, file);
            },
            options);
        pool.run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "troubled_driver: %s\n", error.what());
        return 1;
    }
}
