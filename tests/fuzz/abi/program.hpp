// SPDX-License-Identifier: MIT
//
// What the fuzzer runs: a short sequence of calls. A value in it is a number or a reference to the
// result of an earlier call, so that a mutated program still makes sense.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

namespace userblk::fuzz {

// In the order of the table in schema.cpp.
enum class Kind : std::uint8_t {
    create,
    remove,
    list,
    info,
    resize,
    wake,
    get,
    answer, // added to the next put or serve
    extent, // added to the next answer
    put,
    serve,
    reset,
    poll,
    read,
    write,
    splice,
    sendfile,
    seek,
    map,
    fcntl,
    ioctl,
    open,
    dup,
    close,
    io, // by a user of the block device
    pause
};
inline constexpr std::size_t kinds = static_cast<std::size_t>(Kind::pause) + 1;

// Who makes the call: the program itself; a second thread, while the program continues; a child,
// which then exits or executes another program.
enum class Actor : std::uint8_t { itself, thread, child, exec };
inline constexpr std::size_t actors = 4;

// A reference counts backwards from the newest; what it refers to depends on the parameter.
struct Value {
    bool reference = false;
    std::uint64_t number = 0;
    std::int64_t plus = 0; // for references only
    bool operator==(const Value&) const = default;
};

inline Value literal(std::uint64_t number) {
    return {false, number, 0};
}

struct Call {
    Kind kind = Kind::info;
    Actor actor = Actor::itself;
    std::vector<Value> values; // one for each parameter of the kind
    bool operator==(const Call&) const = default;
};

struct Program {
    std::vector<Call> calls;
    bool operator==(const Program&) const = default;
};

} // namespace userblk::fuzz
