// SPDX-License-Identifier: MIT
//
// A driver that logs and delays every request: a RAM disk behind two decorators.
// They work with any backend.
//
//     log_delay [DEV] [--size 64M] … [-- DELAY]       DELAY defaults to 10ms
//
// To see it work:  dd if=/dev/userblkN of=/dev/null bs=4k count=3 iflag=direct
#include <userblk/userblk.hpp>

#include <cstring>

namespace {

// The workers share its memory, because they are forked from the process that
// creates it; see hello_ram.cpp.
class Ram : public userblk::Backend {
public:
    explicit Ram(std::uint64_t size) : memory_(size) {}

    userblk::Description describe() const override { return {.size = memory_.size()}; }

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        std::memcpy(data.data(), memory_.data() + offset, data.size());
        return {};
    }

    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          userblk::WriteFlags) override {
        std::memcpy(memory_.data() + offset, data.data(), data.size());
        return {};
    }

private:
    userblk::SharedMemory memory_;
};

std::shared_ptr<userblk::Backend> make_backend(const userblk::RunArguments& arguments) {
    const auto& extra = arguments.arguments;
    const auto delay = userblk::parse_duration(extra.empty() ? "10ms" : extra.front());
    auto ram = std::make_shared<Ram>(arguments.size);
    auto slow = std::make_shared<userblk::DelayBackend>(ram, delay);
    return std::make_shared<userblk::LogBackend>(slow, userblk::log_to_stderr("log_delay"));
}

} // namespace

int main(int argc, char** argv) {
    return userblk::run(argc, argv, make_backend);
}
