// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "ioctl/userblk_ioctl.h"
#include "tests/fuzz/abi/call_buffers.hpp"
#include "tests/fuzz/abi/program.hpp"
#include "tests/fuzz/abi/schema.hpp"
#include "tests/fuzz/abi/shared.hpp"

namespace userblk::fuzz {

// `instance` tells apart devices that have or had the same number.
struct Handle {
    int fd = -1;
    std::uint64_t instance;
};
inline constexpr std::uint64_t unknown_instance = 0;

struct GatheredAnswer {
    userblk_answer answer{};
    Memory memory = Memory::fitting;
    bool takes_data = false; // a READ to complete, or a WRITE to fetch
    std::vector<userblk_extent> extents;
};

using Files = std::array<int, files>;

// A call with all references resolved: any thread or process can make it at any time.
struct Step {
    Kind kind;
    Handle on;
    std::vector<std::uint64_t> values;
    std::vector<GatheredAnswer> answers;
    const Files* files = nullptr;

    std::uint64_t value(std::string_view name) const;
    std::uint32_t value32(std::string_view name) const {
        return static_cast<std::uint32_t>(value(name));
    }
    Memory memory(std::string_view name) const { return static_cast<Memory>(value(name) % 8); }
    int file(std::string_view name) const;
};

// Makes the call and counts its result.
void make_call(const Step& step, CallBuffers& buffers, Shared& shared);

// Its two parts.
void make_argument_call(const Step& step, CallBuffers& buffers, Shared& shared);
void make_file_call(const Step& step, CallBuffers& buffers, Shared& shared);

// Whether memory contains what looks like a kernel address and was not there before.
bool shows_address(std::span<const std::uint8_t> now, std::span<const std::uint8_t> before);

} // namespace userblk::fuzz
