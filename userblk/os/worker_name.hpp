// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace userblk {

/// How each name of a worker process of device @p number ends: "-w3".
inline std::string worker_name_ending(std::uint32_t number) {
    return "-w" + std::to_string(number);
}

/// The name of a worker process, as ps(1) shows it: "hello_ram-w3". The kernel keeps 15 bytes: a
/// long name of the program is cut, the number never.
inline std::string worker_name(std::string_view program, std::uint32_t number) {
    constexpr std::size_t longest = 15; // TASK_COMM_LEN without the NUL
    const auto ending = worker_name_ending(number);
    return std::string(program.substr(0, longest - ending.size())) + ending;
}

/// Whether @p name is that of a worker process of device @p number, of any program.
inline bool is_worker_name(std::string_view name, std::uint32_t number) {
    return name.ends_with(worker_name_ending(number));
}

} // namespace userblk
