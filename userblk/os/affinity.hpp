// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: the processors that submit to a hardware queue, from
/// /sys/block/userblkN/mq/QUEUE/cpu_list. Empty: unknown.
std::vector<int> processors_of_queue(std::uint32_t number, unsigned queue);

/// Internal: restricts the calling thread to these processors.
std::error_code run_on(const std::vector<int>& processors) noexcept;

} // namespace userblk
