// SPDX-License-Identifier: MIT
#include "record.hpp"

#include <array>
#include <zlib.h>

namespace thin {

std::uint32_t checksum(const Record& record, std::uint64_t file_id, std::uint64_t index) noexcept {
    const std::array<std::uint64_t, 2> where{file_id, index};
    const auto* content = reinterpret_cast<const Bytef*>(&record) + sizeof(record.checksum);
    auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(where.data()), sizeof(where));
    sum = ::crc32(sum, content, sizeof(record) - sizeof(record.checksum));
    return static_cast<std::uint32_t>(sum);
}

} // namespace thin
