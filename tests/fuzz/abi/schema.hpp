// SPDX-License-Identifier: MIT
//
// Which calls there are, with their parameters: what text, mutation and execution share.
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
    name,   // one of names
    handle, // an open control node: 0 and 1 of the two devices, 2 of the first for reading only,
            // 3 the control device, then those that the program made
    disk,   // a block device: 0, 1, then those that the program made
    device, // a device's number; a reference: of one that the program made
    id,     // of a request that was taken; so are the next three
    length,
    place,
    offset,
    process, // a reference: 0 this one, 1 the newest child, 2 its parent
    pending  // a reference: how many answers were gathered
};

struct Parameter {
    std::string_view name;
    Type type;
    Value usual; // not written down
    std::span<const std::string_view> names;
    std::span<const std::uint64_t> interesting;
};

struct CallSchema {
    std::string_view name;
    std::vector<Parameter> parameters;
};

const CallSchema& schema(Kind kind);
std::string_view name_of(Actor actor);
Call usual_call(Kind kind);

// Memory that an argument may be in, by order of memory_names().
enum class Memory : std::uint8_t {
    fitting,   // as the call needs it
    good,      // with room behind it
    tight,     // the last bytes before what may not be touched
    edge,      // half of it there
    read_only, // page
    unmapped,
    null,
    kernel
};

// Files that a request may be redirected to, and payloads be moved to, by order of file_names().
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
