// SPDX-License-Identifier: MIT
#include "userblk/os/affinity.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"

#include <fstream>
#include <sched.h>
#include <string>

namespace userblk {

std::vector<int> processors_of_queue(std::uint32_t number, unsigned queue) {
    std::ifstream file("/sys/block/" + abi::disk_name(number) + "/mq/" + std::to_string(queue) +
                       "/cpu_list");
    std::vector<int> processors;
    for (int processor = 0; file >> processor;) {
        processors.push_back(processor);
        if (file.peek() == ',')
            file.ignore();
    }
    return processors;
}

std::error_code run_on(const std::vector<int>& processors) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int processor : processors)
        CPU_SET(static_cast<std::size_t>(processor), &set);
    return ::sched_setaffinity(0, sizeof(set), &set) < 0 ? abi::last_error() : std::error_code();
}

} // namespace userblk
