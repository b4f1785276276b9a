// SPDX-License-Identifier: MIT
#include "userblk/backends/read_only_backend.hpp"

namespace userblk {

Description ReadOnlyBackend::describe() const {
    auto description = inner().describe();
    description.read_only = true;
    description.discard = false;
    description.write_zeroes = false;
    return description;
}

std::vector<StoreFile> ReadOnlyBackend::store_files() const {
    auto files = Decorator::store_files();
    for (auto& file : files)
        file.read_only = true;
    return files;
}

std::span<std::byte> ReadOnlyBackend::mapping(std::uint64_t offset, std::size_t length,
                                              Access access) noexcept {
    return access == Access::load ? inner().mapping(offset, length, access)
                                  : std::span<std::byte>();
}

std::error_code ReadOnlyBackend::around(const Operation& operation, const Proceed& proceed) {
    const bool harmless =
        operation.kind == Operation::Kind::read || operation.kind == Operation::Kind::flush;
    return harmless ? proceed() : std::make_error_code(std::errc::read_only_file_system);
}

} // namespace userblk
