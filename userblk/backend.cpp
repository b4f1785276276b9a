// SPDX-License-Identifier: MIT
#include "userblk/backend.hpp"

#include <algorithm>
#include <array>

namespace userblk {

const char* store_class_name(StoreClass store_class) noexcept {
    switch (store_class) {
    case StoreClass::process:
        return "process";
    case StoreClass::fenced:
        return "fenced";
    case StoreClass::unfenced:
        break;
    }
    return "unfenced";
}

std::error_code Store::fence(const DeadClient&) const {
    if (describe().store_class == StoreClass::process)
        return {};
    return std::make_error_code(std::errc::operation_not_supported);
}

std::vector<StoreFile> Store::store_files() const {
    return {};
}

std::error_code Backend::flush() {
    return {};
}

std::error_code Backend::discard(std::uint64_t, std::uint64_t) {
    return std::make_error_code(std::errc::operation_not_supported);
}

std::error_code Backend::write_zeroes(std::uint64_t offset, std::uint64_t length, ZeroFlags flags) {
    // Never written: all processes and threads share one set of zero pages.
    static constexpr std::array<std::byte, 128 << 10> zeros{};
    while (length > 0) {
        const auto piece = std::min<std::uint64_t>(length, zeros.size());
        const std::span<const std::byte> data(zeros.data(), static_cast<std::size_t>(piece));
        if (const auto error = write(offset, data, {.fua = flags.fua}))
            return error;
        offset += piece;
        length -= piece;
    }
    return {};
}

std::span<std::byte> Backend::mapping(std::uint64_t, std::size_t, Access) noexcept {
    return {};
}

bool Backend::reads_as_zeroes(std::uint64_t, std::size_t) noexcept {
    return false;
}

std::error_code Backend::redirect(const Operation&, Extents&) {
    return {};
}

bool Backend::redirects() const noexcept {
    return false;
}

bool Backend::wants_data() const noexcept {
    return true;
}

std::error_code Backend::preload() noexcept {
    return {};
}

} // namespace userblk
