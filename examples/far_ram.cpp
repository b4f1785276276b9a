// SPDX-License-Identifier: MIT
//
// A RAM disk as far away as another machine: each operation takes a while, but one thread has
// as many of them in flight as the device has requests.
//
//     far_ram [DEV] [--size 64M] … [-- LATENCY]       LATENCY defaults to 1ms
//
// The functions are coroutines (userblk/async_backend.hpp, docs/async.md). A real store would
// send the operation where it sleeps here, and await the answer.
#include <userblk/userblk.hpp>

#include <cstring>

namespace {

using userblk::EventLoop, userblk::RunArguments, userblk::SharedMemory, userblk::Slot,
    userblk::Task;

class FarRam : public userblk::AsyncBackend {
public:
    FarRam(const RunArguments& arguments, EventLoop& loop)
        : AsyncBackend(loop), bytes_(bytes(arguments.size)),
          latency_(userblk::parse_duration(arguments.arguments.empty() ? "1ms"
                                                                       : arguments.arguments[0])) {}

    userblk::Description describe() const override { return {.size = bytes_.size()}; }

    Task<> read(Slot&, std::uint64_t offset, std::span<std::byte> data) override {
        co_await loop().sleep_for(latency_);
        std::memcpy(data.data(), bytes_.data() + offset, data.size());
        co_return std::error_code();
    }

    Task<> write(Slot&, std::uint64_t offset, std::span<const std::byte> data,
                 userblk::WriteFlags) override {
        co_await loop().sleep_for(latency_);
        std::memcpy(bytes_.data() + offset, data.data(), data.size());
        co_return std::error_code();
    }

private:
    // run() makes the first object before it forks the workers: they share what that one maps.
    static std::span<std::byte> bytes(std::uint64_t size) {
        static SharedMemory memory(size);
        return memory.bytes();
    }

    std::span<std::byte> bytes_;
    std::chrono::nanoseconds latency_;
};

} // namespace

int main(int argc, char** argv) {
    return userblk::run<FarRam>(argc, argv);
}
