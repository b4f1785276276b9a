// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/step.hpp"

#include <cstring>

namespace userblk::fuzz {

namespace {

// The kernel's data, modules and text, except values that are small negative numbers.
bool is_kernel_address(std::uint64_t value) {
    return (value >= 0xffff'8000'0000'0000 && value < 0xffff'ff00'0000'0000) ||
           (value >= 0xffff'ffff'8000'0000 && value < 0xffff'ffff'ff80'0000);
}

std::uint64_t word_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    return word;
}

} // namespace

std::uint64_t Step::value(std::string_view name) const {
    const std::vector<Parameter>& parameters = schema(kind).parameters;
    for (std::size_t i = 0; i < parameters.size(); i++)
        if (parameters[i].name == name)
            return values[i];
    return 0;
}

int Step::file(std::string_view name) const {
    return (*files)[value(name) % fuzz::files];
}

bool shows_address(std::span<const std::uint8_t> now, std::span<const std::uint8_t> before) {
    for (std::size_t at = 0; at + 8 <= now.size(); at += 4) {
        const std::uint64_t word = word_at(now, at);
        if (is_kernel_address(word) && (at + 8 > before.size() || word != word_at(before, at)))
            return true;
    }
    return false;
}

void make_call(const Step& step, CallBuffers& buffers, Shared& shared) {
    switch (step.kind) {
    case Kind::create:
    case Kind::remove:
    case Kind::list:
    case Kind::info:
    case Kind::resize:
    case Kind::wake:
    case Kind::get:
    case Kind::put:
    case Kind::serve:
    case Kind::reset:
    case Kind::ioctl:
        return make_argument_call(step, buffers, shared);
    default:
        return make_file_call(step, buffers, shared);
    }
}

} // namespace userblk::fuzz
