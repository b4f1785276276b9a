// SPDX-License-Identifier: MIT
#include "userblk/backends/read_only_backend.hpp"

#include <utility>

namespace userblk {

namespace {

Description read_only(Description description) {
    description.read_only = true;
    description.discard = false;
    description.write_zeroes = false;
    return description;
}

std::vector<StoreFile> read_only(std::vector<StoreFile> files) {
    for (auto& file : files)
        file.read_only = true;
    return files;
}

bool is_harmless(const Operation& operation) noexcept {
    return operation.kind == Operation::Kind::read || operation.kind == Operation::Kind::flush;
}

} // namespace

Description ReadOnlyBackend::describe() const {
    return read_only(inner().describe());
}

std::vector<StoreFile> ReadOnlyBackend::store_files() const {
    return read_only(Decorator::store_files());
}

std::span<std::byte> ReadOnlyBackend::mapping(std::uint64_t offset, std::size_t length,
                                              Access access) noexcept {
    return access == Access::load ? inner().mapping(offset, length, access)
                                  : std::span<std::byte>();
}

std::error_code ReadOnlyBackend::around(const Operation& operation, const Proceed& proceed) {
    return is_harmless(operation) ? proceed()
                                  : std::make_error_code(std::errc::read_only_file_system);
}

Description AsyncReadOnlyBackend::describe() const {
    return read_only(inner().describe());
}

std::vector<StoreFile> AsyncReadOnlyBackend::store_files() const {
    return read_only(inner().store_files());
}

Task<> AsyncReadOnlyBackend::around(Slot& slot, Operation operation, Proceed proceed) {
    if (!is_harmless(operation))
        co_return std::make_error_code(std::errc::read_only_file_system);
    co_return co_await proceed(slot);
}

} // namespace userblk
