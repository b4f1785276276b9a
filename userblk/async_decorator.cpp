// SPDX-License-Identifier: MIT
#include "userblk/async_decorator.hpp"

#include <stdexcept>
#include <utility>

namespace userblk {

AsyncDecorator::AsyncDecorator(EventLoop& loop, std::unique_ptr<AsyncBackend> inner)
    : AsyncBackend(loop), inner_(std::move(inner)) {
    if (!inner_)
        throw std::invalid_argument("a decorator needs a backend");
}

Description AsyncDecorator::describe() const {
    return inner_->describe();
}

std::vector<StoreFile> AsyncDecorator::store_files() const {
    return inner_->store_files();
}

std::error_code AsyncDecorator::fence(const DeadClient& dead) const {
    return inner_->fence(dead);
}

Task<> AsyncDecorator::read(Slot& slot, std::uint64_t offset, std::span<std::byte> data) {
    const Operation operation{Operation::Kind::read, offset, data.size()};
    return around(slot, operation, Proceed(*inner_, operation, data, {}));
}

Task<> AsyncDecorator::write(Slot& slot, std::uint64_t offset, std::span<const std::byte> data,
                             WriteFlags flags) {
    const Operation operation{Operation::Kind::write, offset, data.size(), flags.fua};
    return around(slot, operation, Proceed(*inner_, operation, {}, data));
}

Task<> AsyncDecorator::flush(Slot& slot) {
    const Operation operation{Operation::Kind::flush};
    return around(slot, operation, Proceed(*inner_, operation, {}, {}));
}

Task<> AsyncDecorator::discard(Slot& slot, std::uint64_t offset, std::uint64_t length) {
    const Operation operation{Operation::Kind::discard, offset, length};
    return around(slot, operation, Proceed(*inner_, operation, {}, {}));
}

Task<> AsyncDecorator::write_zeroes(Slot& slot, std::uint64_t offset, std::uint64_t length,
                                    ZeroFlags flags) {
    const Operation operation{Operation::Kind::write_zeroes, offset, length, flags.fua,
                              flags.keep_allocated};
    return around(slot, operation, Proceed(*inner_, operation, {}, {}));
}

void AsyncDecorator::device_removed() noexcept {
    inner_->device_removed();
}

Task<> AsyncDecorator::around(Slot& slot, Operation, Proceed proceed) {
    return proceed(slot);
}

Task<> AsyncDecorator::Proceed::operator()(Slot& slot) const {
    const auto& [kind, offset, length, fua, keep_allocated] = operation_;
    switch (kind) {
    case Operation::Kind::read:
        return inner_->read(slot, offset, read_);
    case Operation::Kind::write:
        return inner_->write(slot, offset, written_, {.fua = fua});
    case Operation::Kind::flush:
        return inner_->flush(slot);
    case Operation::Kind::discard:
        return inner_->discard(slot, offset, length);
    case Operation::Kind::write_zeroes:
        break;
    }
    return inner_->write_zeroes(slot, offset, length, {fua, keep_allocated});
}

} // namespace userblk
