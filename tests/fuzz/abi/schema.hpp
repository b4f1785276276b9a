// SPDX-License-Identifier: MIT
//
// All calls with their parameters: shared by text, mutation and execution.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/fuzz/abi/program.hpp"

namespace userblk::fuzz {

enum class Type {
    number,
    flags,  // written in hexadecimal
    name,   // one of `names`
    handle, // an open control node: 0 and 1 of the two devices, 2 of the first for reading only,
            // 3 the control device, then those that the program made
    disk,   // a block device: 0, 1, then those that the program made
    device, // a device's number; a reference: of one that the program created
    id,     // of a taken request; the same for the next three
    length,
    payload,
    offset,
    process, // a reference: 0 this process, 1 the newest child, 2 its parent
    pending  // a reference: the number of answers gathered
};

struct Parameter {
    std::string_view name;
    Type type;
    Value default_value; // left out of the text
    std::span<const std::string_view> names;
    std::span<const std::uint64_t> interesting;
};

struct CallSchema {
    std::string_view name;
    std::vector<Parameter> parameters;
};

const CallSchema& schema(Kind kind);
std::string_view name_of(Actor actor);
Call default_call(Kind kind);

// Kinds of memory for an argument, in the order of memory_names.
enum class Memory : std::uint8_t {
    fitting,   // what the call needs
    good,      // with room behind it
    tight,     // the last bytes before an inaccessible page
    edge,      // half of it inaccessible
    read_only, // mapping
    unmapped,
    null,
    kernel
};

// Files that a request may be redirected to, and payloads be transferred to, in the order of
// file_names.
enum class File : std::uint8_t {
    memory,
    small,
    loop,
    direct_loop,
    other_disk,
    cached_other_disk,
    own_disk,
    limited,
    appending,
    for_reading,
    for_writing,
    path,
    folder,
    pipe_out,
    pipe_in,
    null,
    control,
    hole,
    closed
};
inline constexpr std::size_t files = static_cast<std::size_t>(File::closed) + 1;

enum class IoOperation : std::uint8_t { read, write, flush, discard, zeroes, punch };

} // namespace userblk::fuzz
