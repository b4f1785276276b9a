// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/schema.hpp"

#include <array>

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ioctl/userblk_ioctl.h"

namespace userblk::fuzz {

namespace {

using Names = std::string_view[];
using Numbers = std::uint64_t[];

constexpr Names memory_names = {"fitting",   "good",     "tight", "edge",
                                "read-only", "unmapped", "null",  "kernel"};
constexpr Names file_names = {"memory",       "small",   "loop",    "direct-loop", "disk1",
                              "cached-disk1", "disk0",   "limited", "appending",   "for-reading",
                              "for-writing",  "path",    "folder",  "pipe-out",    "pipe-in",
                              "null",         "control", "hole",    "closed"};
constexpr Names actions = {"complete", "fetch", "store", "give-back", "adopt", "redirect"};
constexpr Names resets = {"dead", "pid", "older", "id", "all"};
constexpr Names operations = {"read", "write", "flush", "discard", "zeroes", "punch"};
constexpr Names ways = {"aio", "thread"};
constexpr Names directions = {"out", "in"};
constexpr Names device_names = {"none",    "first", "second",     "number",
                                "longest", "dot",   "unfinished", "not-ascii"};
constexpr Names fcntls = {"getfl", "setfl", "dupfd", "getlease", "setlease", "pipe-size", "hint"};

constexpr Numbers sizes = {0,         512,     4096,       1 << 20,    16 << 20,
                           16777217,  1 << 30, 1ull << 40, 1ull << 50, INT64_MAX & ~511ull,
                           1ull << 63};
constexpr Numbers blocks = {0, 1, 256, 512, 513, 1024, 2048, 4096, 8192, 65536, 1 << 20, 2 << 20};
constexpr Numbers transfers = {0,       2048,    4096,    8192,    16384,   65536,
                               1 << 19, 1 << 20, 4 << 20, 8 << 20, 1 << 30, 0x80000000};
constexpr Numbers counts = {0, 1, 2, 3, 4, 8, 15, 16, 17, 32, 33, 4096, 4097, 0xffffffff};
constexpr Numbers queues = {0, 1, 2, 3, 255, 256, 257, 0xffffffff};
constexpr Numbers depths = {0, 1, 2, 3, 4, 8, 64, 128, 4095, 4096, 4097};
constexpr Numbers limits = {0, 1, 2, 3, 0xffffffff};
constexpr Numbers times = {0,         1,          1'000'000, 10'000'000, 1ull << 40,
                           INT64_MAX, 1ull << 63, ~0ull - 1, ~0ull};
constexpr Numbers struct_sizes = {0, 16, 24, 56, 64, 72, 88, 96, 0xffffffff};
constexpr Numbers small_flags = {0, 1, 2, 3, 4, 5, 7, 8, 0x80000000};
constexpr Numbers config_flags = {0,    1,    2,     4,     0xc,   8,     0x10,  0x20,
                                  0x40, 0x80, 0x100, 0x200, 0x3ff, 0x300, 0x400, 1ull << 63};
constexpr Numbers modes = {0, 0600, 0666, 0777, 01000, 0xffffffff};
constexpr Numbers users = {0, 1, 65534, 0xffffffff};
constexpr Numbers numbers = {0, 1, 2, 3, 17, 4095, 4096, 0xffffffff};
constexpr Numbers lengths = {0,          1,         7,     511,   512,     4095,          4096,
                             4097,       8192,      65535, 65536, 1 << 20, (4 << 20) + 1, 1 << 23,
                             0x80000000, 0xffffffff};
constexpr Numbers offsets = {0,        1,        512,       4096,       12288,
                             16773120, 16777216, INT64_MAX, 1ull << 62, ~0ull};
constexpr Numbers statuses = {0, 0xfffffffb, 0xffffffff, 0xfffff001, 0xfffff000,
                              1, 0xffffff92, 0xffffffe4, 0x80000000};
constexpr Numbers pids = {0, 1, 2, 0xffffffff, 0x80000000};
constexpr Numbers opens = {O_RDWR,          O_RDONLY,          O_WRONLY, O_RDWR | O_NONBLOCK,
                           O_RDWR | O_EXCL, O_RDWR | O_APPEND, O_PATH};
constexpr Numbers io_offsets = {0,        512,   4096,  65536, 1 << 20, 12288, (16 << 20) - 4096,
                                16 << 20, 15360, 131072};
constexpr Numbers io_lengths = {512, 1024, 4096, 8192, 16384, 65536, 131072, 1 << 20};
constexpr Numbers rw_flags = {0, 1, 2, 4, 8, 6};
constexpr Numbers poll_events = {POLLIN, POLLPRI, POLLIN | POLLPRI, POLLOUT, 0x7fff};
constexpr Numbers protections = {PROT_READ, PROT_READ | PROT_WRITE, PROT_NONE, PROT_EXEC};
constexpr Numbers map_flags = {MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE};
constexpr Numbers commands = {USERBLK_CREATE,
                              USERBLK_REMOVE,
                              USERBLK_LIST,
                              USERBLK_GET,
                              USERBLK_PUT,
                              USERBLK_SERVE,
                              USERBLK_RESET,
                              USERBLK_INFO,
                              USERBLK_RESIZE,
                              USERBLK_WAKE,
                              FIONBIO,
                              FIOASYNC,
                              FIONREAD,
                              BLKGETSIZE64,
                              FIFREEZE,
                              _IO(0xB7, 0x10),
                              _IOR(0xB7, 0x10, userblk_put),
                              _IOWR(0xB7, 0x16, userblk_put),
                              _IOWR(0xB7, 0x0f, userblk_list)};
constexpr Numbers open_flags = {0, O_NONBLOCK, O_APPEND, O_DIRECT, O_NOATIME, O_ASYNC};
constexpr Numbers pokes = {0, 1, 0x80, 0xff};
constexpr Numbers argument_offsets = {0, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 63, 64, 72};
constexpr Numbers pauses = {1, 5, 20};
constexpr Numbers small_numbers = {0, 1, 2, 3, 4};

Value newest(std::int64_t plus = 0) {
    return {true, 0, plus};
}
Parameter number(std::string_view name, std::uint64_t default_value,
                 std::span<const std::uint64_t> some) {
    return {name, Type::number, literal(default_value), {}, some};
}
Parameter flags(std::string_view name, std::uint64_t default_value,
                std::span<const std::uint64_t> some) {
    return {name, Type::flags, literal(default_value), {}, some};
}
Parameter choice(std::string_view name, std::span<const std::string_view> names,
                 std::uint64_t default_value = 0) {
    return {name, Type::name, literal(default_value), names, {}};
}
Parameter memory(std::string_view name) {
    return choice(name, memory_names);
}
Parameter refer(std::string_view name, Type type, std::span<const std::uint64_t> some) {
    return {name, type, newest(), {}, some};
}
Parameter handle() {
    return {"on", Type::handle, literal(0), {}, small_numbers};
}

// A call with a structure as argument, which may be in any kind of memory and have any byte
// changed.
CallSchema with_argument(std::string_view name, std::vector<Parameter> parameters) {
    parameters.push_back(memory("argument"));
    parameters.push_back(number("poke_at", 0, argument_offsets));
    parameters.push_back(flags("poke", 0, pokes));
    return {name, std::move(parameters)};
}

std::vector<Parameter> create_parameters() {
    return {number("size", 16 << 20, sizes),
            flags("flags",
                  USERBLK_F_NO_PARTITIONS | USERBLK_F_CACHE | USERBLK_F_FUA | USERBLK_F_DISCARD |
                      USERBLK_F_WRITE_ZEROES | USERBLK_F_REDIRECT,
                  config_flags),
            number("queue_limit", 0, times),
            number("logical", 0, blocks),
            number("physical", 0, blocks),
            number("io_min", 0, blocks),
            number("io_opt", 0, blocks),
            number("max_transfer", 65536, transfers),
            number("chunk", 0, transfers),
            number("granularity", 0, transfers),
            number("queues", 1, queues),
            number("depth", 8, depths),
            number("delivery_limit", 0, limits),
            number("uid", 0, users),
            number("gid", 0, users),
            number("mode", 0, modes),
            number("number", USERBLK_ANY_NUMBER, numbers),
            choice("name", device_names),
            number("store_wait", 0, times),
            number("store_class", 0, limits)};
}

std::vector<Parameter> get_parameters() {
    return {number("count", 4, counts),
            number("timeout", 0, times),
            flags("flags", 0, small_flags),
            number("queue", USERBLK_ANY_QUEUE, queues),
            number("size", sizeof(userblk_request), struct_sizes),
            memory("records"),
            memory("to"),
            number("room", 65536, lengths)};
}

std::vector<Parameter> put_parameters() {
    return {refer("answers", Type::pending, counts),
            number("answer_size", sizeof(userblk_answer), struct_sizes), memory("answers_at"),
            flags("put_flags", 0, small_flags)};
}

std::vector<Parameter> joined(std::vector<Parameter> first, const std::vector<Parameter>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

std::vector<Parameter> payload_parameters() {
    return {handle(), refer("at", Type::payload, offsets), refer("length", Type::length, lengths)};
}

// In the order of Kind.
std::vector<CallSchema> make_table() {
    const std::vector<Parameter> on = {handle()};
    return {
        with_argument("create", create_parameters()),
        with_argument("remove", {refer("device", Type::device, numbers),
                                 flags("flags", USERBLK_REMOVE_FORCE, small_flags)}),
        with_argument("list", {number("count", 8, counts),
                               number("size", sizeof(userblk_list_entry), struct_sizes),
                               number("first", 0, numbers), memory("entries")}),
        with_argument("info",
                      {handle(), number("count", 0, counts),
                       number("size", sizeof(userblk_taken), struct_sizes), memory("list")}),
        with_argument("resize",
                      {handle(), number("size", 16 << 20, sizes), flags("flags", 0, small_flags)}),
        with_argument("wake",
                      {handle(), number("count", 1, counts), flags("flags", 0, small_flags)}),
        with_argument("get", joined(on, get_parameters())),
        {"answer",
         {refer("id", Type::id, offsets),
          choice("action", actions),
          memory("memory"),
          refer("length", Type::length, lengths),
          {"offset", Type::offset, literal(0), {}, offsets},
          flags("flags", 0, small_flags),
          number("status", 0, statuses),
          choice("file", file_names),
          number("poke_at", 0, argument_offsets),
          flags("poke", 0, pokes)}},
        {"extent",
         {choice("file", file_names),
          {"offset", Type::offset, literal(0), {}, offsets},
          refer("length", Type::length, lengths)}},
        with_argument("put", joined(on, put_parameters())),
        with_argument("serve", joined(joined(on, put_parameters()), get_parameters())),
        with_argument("reset", {handle(),
                                choice("which", resets),
                                {"id", Type::id, literal(0), {}, offsets},
                                number("age", 0, times),
                                {"pid", Type::process, literal(0), {}, pids},
                                flags("flags", 0, small_flags)}),
        {"poll",
         {handle(), flags("events", POLLIN | POLLPRI, poll_events), number("timeout", 0, pauses)}},
        {"read", joined(payload_parameters(), {memory("memory"), number("pieces", 1, counts)})},
        {"write", joined(payload_parameters(), {memory("memory"), number("pieces", 1, counts)})},
        {"splice", joined(payload_parameters(),
                          {choice("direction", directions), flags("flags", 0, small_flags)})},
        {"sendfile", joined(payload_parameters(), {choice("file", file_names)})},
        {"seek",
         {handle(), refer("at", Type::payload, offsets),
          number("whence", SEEK_SET, small_numbers)}},
        {"map",
         {handle(), number("length", 4096, lengths), flags("protection", PROT_READ, protections),
          flags("flags", MAP_SHARED, map_flags)}},
        {"fcntl", {handle(), choice("command", fcntls), flags("value", 0, open_flags)}},
        {"ioctl", {handle(), flags("command", USERBLK_INFO, commands), memory("argument")}},
        {"open",
         {{"disk", Type::disk, literal(0), {}, small_numbers}, flags("flags", O_RDWR, opens)}},
        {"dup", on},
        {"close", on},
        {"io",
         {{"disk", Type::disk, literal(0), {}, small_numbers},
          choice("operation", operations),
          number("at", 0, io_offsets),
          number("length", 4096, io_lengths),
          flags("flags", 0, rw_flags),
          choice("way", ways)}},
        {"pause", {number("ms", 1, pauses)}},
    };
}

} // namespace

const CallSchema& schema(Kind kind) {
    static const std::vector<CallSchema> table = make_table();
    return table[static_cast<std::size_t>(kind)];
}

std::string_view name_of(Actor actor) {
    static constexpr std::array<std::string_view, actors> names = {"", "thread", "child", "exec"};
    return names[static_cast<std::size_t>(actor)];
}

Call default_call(Kind kind) {
    Call call{kind, Actor::itself, {}};
    for (const Parameter& parameter : schema(kind).parameters)
        call.values.push_back(parameter.default_value);
    return call;
}

} // namespace userblk::fuzz
