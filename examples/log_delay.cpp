// SPDX-License-Identifier: MIT
//
// A driver that tells of every request and takes its time over it: a RAM disk
// behind two decorators. Any backend can stand behind them.
//
//     log_delay [DEV] [--size 64M] … [-- DELAY]       DELAY: 10ms if not given
//
// To see it work:  dd if=/dev/userblkN of=/dev/null bs=4k count=3 iflag=direct
#include <userblk/userblk.hpp>

#include <cstring>

namespace {

// Its memory is shared by the workers, which are forked from the process that
// makes it; see hello_ram.cpp.
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
