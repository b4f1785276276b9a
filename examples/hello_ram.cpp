// SPDX-License-Identifier: MIT
// A RAM disk. The memory is made once, before the workers are forked, and shared: it outlives them.
#include <userblk/userblk.hpp>

#include <cstring>

struct Ram : userblk::Backend {
    explicit Ram(std::uint64_t size) : memory(size) {}
    userblk::Description describe() const override { return {.size = memory.size()}; }
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
        std::memcpy(data.data(), memory.data() + offset, data.size());
        return {};
    }
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          userblk::WriteFlags) override {
        std::memcpy(memory.data() + offset, data.data(), data.size());
        return {};
    }
    userblk::SharedMemory memory;
};

int main(int argc, char** argv) {
    return userblk::run<Ram>(argc, argv);
}
