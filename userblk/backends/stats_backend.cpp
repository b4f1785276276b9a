// SPDX-License-Identifier: MIT
#include "userblk/backends/stats_backend.hpp"

namespace userblk {

OperationCounter::Counts OperationCounter::counts() const noexcept {
    return {reads_,        writes_,     durable_writes_, flushes_, discards_,
            write_zeroes_, bytes_read_, bytes_written_,  errors_};
}

OperationCounter::Counter& OperationCounter::calls_of(Operation::Kind kind) noexcept {
    switch (kind) {
    case Operation::Kind::read:
        return reads_;
    case Operation::Kind::write:
        return writes_;
    case Operation::Kind::flush:
        return flushes_;
    case Operation::Kind::discard:
        return discards_;
    case Operation::Kind::write_zeroes:
        break;
    }
    return write_zeroes_;
}

void OperationCounter::count_done(const Operation& operation) noexcept {
    if (operation.kind == Operation::Kind::read)
        bytes_read_ += operation.length;
    else if (operation.kind == Operation::Kind::write)
        bytes_written_ += operation.length;
}

void OperationCounter::add(const Operation& operation, std::error_code error) noexcept {
    ++calls_of(operation.kind);
    if (operation.kind == Operation::Kind::write && operation.fua)
        ++durable_writes_;
    if (error)
        ++errors_;
    else
        count_done(operation);
}

std::error_code StatsBackend::around(const Operation& operation, const Proceed& proceed) {
    const auto error = proceed();
    counter_.add(operation, error);
    return error;
}

Task<> AsyncStatsBackend::around(Slot& slot, Operation operation, Proceed proceed) {
    const auto error = co_await proceed(slot);
    counter_->add(operation, error);
    co_return error;
}

} // namespace userblk
