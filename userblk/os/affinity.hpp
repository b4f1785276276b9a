// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <system_error>
#include <vector>

namespace userblk {

/// Internal: the processors whose requests come in by a hardware queue, as the
/// block layer tells in /sys/block/userblkN/mq/QUEUE/cpu_list. Empty: unknown.
std::vector<int> processors_of_queue(std::uint32_t number, unsigned queue);

/// Internal: makes the calling thread run on these processors only.
std::error_code run_on(const std::vector<int>& processors) noexcept;

} // namespace userblk
