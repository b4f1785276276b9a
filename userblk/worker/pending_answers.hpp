// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/userblk_ioctl.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace userblk {

/// Internal: a pointer as the ABI passes it.
inline std::uint64_t address_of(const void* pointer) noexcept {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

/// Internal: answers not sent yet, each with its request. For one thread; allocates
/// memory only in the constructor.
class PendingAnswers {
public:
    /// @p most: maximum of a batch; there is room for two more, which a retry needs.
    explicit PendingAnswers(unsigned most) : answers_(most + 2), requests_(most + 2) {}

    /// @p request must live until clear().
    userblk_answer& append(const userblk_request& request, std::uint16_t action) noexcept {
        requests_[count_] = &request;
        auto& answer = answers_[count_++];
        answer = {};
        answer.id = request.id;
        answer.action = action;
        return answer;
    }

    bool empty() const noexcept { return count_ == 0; }
    std::uint32_t size() const noexcept { return count_; }
    userblk_answer* data() noexcept { return answers_.data(); }
    userblk_answer& operator[](std::size_t i) noexcept { return answers_[i]; }
    const userblk_request& request(std::size_t i) const noexcept { return *requests_[i]; }
    userblk_answer& back() noexcept { return answers_[count_ - 1]; }
    void clear() noexcept { count_ = 0; }
    /// Clears the results, as required before the answers are sent (again).
    void clear_results() noexcept {
        for (std::uint32_t i = 0; i < count_; ++i)
            answers_[i].result = 0;
    }

private:
    std::vector<userblk_answer> answers_;
    std::vector<const userblk_request*> requests_;
    std::uint32_t count_ = 0;
};

} // namespace userblk
