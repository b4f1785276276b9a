// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace userblk {

/// Internal: a number in a file of shared memory that any process may open by name;
/// starts at 0. The file stays until removed.
class SharedCounter {
public:
    /// @throws std::system_error "unable to …"
    explicit SharedCounter(const std::string& path);
    SharedCounter(const SharedCounter&) = delete;
    SharedCounter& operator=(const SharedCounter&) = delete;
    ~SharedCounter();

    std::uint64_t get() const noexcept { return value_->load(std::memory_order_acquire); }
    void add() noexcept { value_->fetch_add(1, std::memory_order_release); }

private:
    using Value = std::atomic<std::uint64_t>;
    static_assert(Value::is_always_lock_free); // shared between processes

    Value* value_; ///< own mapping
};

} // namespace userblk
