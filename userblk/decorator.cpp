// SPDX-License-Identifier: MIT
#include "userblk/decorator.hpp"

#include <stdexcept>
#include <utility>

namespace userblk {

Decorator::Decorator(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {
    if (!inner_)
        throw std::invalid_argument("a decorator needs a backend");
}

Description Decorator::describe() const {
    auto description = inner_->describe();
    description.discard = false;
    description.discard_granularity = 0;
    description.write_zeroes = false;
    return description;
}

std::error_code Decorator::read(std::uint64_t offset, std::span<std::byte> data) {
    return inner_->read(offset, data);
}

std::error_code Decorator::write(std::uint64_t offset, std::span<const std::byte> data,
                                 WriteFlags flags) {
    return inner_->write(offset, data, flags);
}

std::error_code Decorator::flush() {
    return inner_->flush();
}

std::error_code Decorator::preload() noexcept {
    return inner_->preload();
}

std::error_code Decorator::fence(const DeadClient& dead) const {
    return inner_->fence(dead);
}

std::vector<StoreFile> Decorator::store_files() const {
    return inner_->store_files();
}

Description TransparentDecorator::describe() const {
    return inner().describe();
}

std::error_code TransparentDecorator::read(std::uint64_t offset, std::span<std::byte> data) {
    return around({Operation::Kind::read, offset, data.size()},
                  Proceed([&] { return inner().read(offset, data); }));
}

std::error_code TransparentDecorator::write(std::uint64_t offset, std::span<const std::byte> data,
                                            WriteFlags flags) {
    return around({Operation::Kind::write, offset, data.size(), flags.fua},
                  Proceed([&] { return inner().write(offset, data, flags); }));
}

std::error_code TransparentDecorator::flush() {
    return around({Operation::Kind::flush}, Proceed([&] { return inner().flush(); }));
}

std::error_code TransparentDecorator::discard(std::uint64_t offset, std::uint64_t length) {
    return around({Operation::Kind::discard, offset, length},
                  Proceed([&] { return inner().discard(offset, length); }));
}

std::error_code TransparentDecorator::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                                   ZeroFlags flags) {
    return around({Operation::Kind::write_zeroes, offset, length, flags.fua, flags.keep_allocated},
                  Proceed([&] { return inner().write_zeroes(offset, length, flags); }));
}

std::error_code TransparentDecorator::around(const Operation&, const Proceed& proceed) {
    return proceed();
}

} // namespace userblk
