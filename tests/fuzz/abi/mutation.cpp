// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/mutation.hpp"

#include <algorithm>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

namespace {

std::uint64_t below(Random& random, std::uint64_t n) {
    return random() % n;
}
bool one_in(Random& random, std::uint64_t n) {
    return below(random, n) == 0;
}

template <class T>
const T& any_of(std::span<const T> all, Random& random) {
    return all[below(random, all.size())];
}

bool may_refer(Type type) {
    return type >= Type::device;
}

Value any_value(const Parameter& parameter, const Value& now, Random& random) {
    if (!parameter.names.empty() && !one_in(random, 16))
        return literal(below(random, parameter.names.size()));
    if (may_refer(parameter.type) && !one_in(random, 4)) {
        static constexpr std::int64_t distances[] = {
            0, 0, 0, 1, -1, 512, -512, 4096, -4096, 65536, 1ll << 32, -(1ll << 32), 1ll << 38};
        return {true, below(random, 6), any_of<std::int64_t>(distances, random)};
    }
    const std::uint64_t from = now.reference ? 0 : now.number;
    switch (below(random, 8)) {
    case 0:
        return literal(from ^ 1ull << below(random, 64));
    case 1:
        return literal(from + below(random, 9) - 4);
    case 2:
        return literal(random() >> below(random, 64));
    case 3:
        return parameter.default_value;
    default:
        if (parameter.interesting.empty())
            return literal(below(random, 4));
        return literal(any_of(parameter.interesting, random));
    }
}

void change(Call& call, Random& random) {
    if (one_in(random, 12)) {
        static constexpr Actor some[] = {Actor::itself, Actor::itself, Actor::itself,
                                         Actor::thread, Actor::thread, Actor::thread,
                                         Actor::child,  Actor::child,  Actor::exec};
        call.actor = any_of<Actor>(some, random);
        return;
    }
    const std::vector<Parameter>& parameters = schema(call.kind).parameters;
    const std::size_t i = below(random, parameters.size());
    call.values[i] = any_value(parameters[i], call.values[i], random);
}

// Calls that move requests come up more often than others.
Call any_call(Random& random) {
    static constexpr Kind frequent[] = {Kind::io,     Kind::io,     Kind::get,  Kind::get,
                                        Kind::answer, Kind::answer, Kind::put,  Kind::put,
                                        Kind::serve,  Kind::extent, Kind::reset};
    const Kind kind = one_in(random, 2) ? any_of<Kind>(frequent, random)
                                        : static_cast<Kind>(below(random, kinds));
    Call call = default_call(kind);
    for (std::uint64_t n = below(random, 3); n; n--)
        change(call, random);
    return call;
}

std::ptrdiff_t any_position(const Program& program, Random& random) {
    return static_cast<std::ptrdiff_t>(below(random, program.calls.size() + 1));
}

void join(Program& program, const Program& other, Random& random) {
    const auto from = any_position(program, random), to = any_position(other, random);
    program.calls.resize(static_cast<std::size_t>(from));
    program.calls.insert(program.calls.end(), other.calls.begin() + to, other.calls.end());
}

void mutate_once(Program& program, const Program& other, Random& random) {
    std::vector<Call>& calls = program.calls;
    const std::uint64_t what = calls.empty() ? 0 : below(random, 16);
    if (what < 4) {
        calls.insert(calls.begin() + any_position(program, random), any_call(random));
    } else if (what < 6) {
        join(program, other, random);
    } else {
        const auto at = static_cast<std::ptrdiff_t>(below(random, calls.size()));
        if (what == 6) {
            calls.erase(calls.begin() + at);
        } else if (what == 7) {
            const Call doubled = calls[static_cast<std::size_t>(at)];
            calls.insert(calls.begin() + any_position(program, random), doubled);
        } else {
            change(calls[static_cast<std::size_t>(at)], random);
        }
    }
}

} // namespace

Program random_program(Random& random) {
    Program program;
    for (std::uint64_t n = 4 + below(random, 12); n; n--)
        program.calls.push_back(any_call(random));
    return program;
}

void mutate(Program& program, const Program& other, Random& random) {
    for (std::uint64_t n = 1 + below(random, 5); n; n--)
        mutate_once(program, other, random);
    if (program.calls.empty())
        program.calls.push_back(any_call(random));
    if (program.calls.size() > longest_program)
        program.calls.resize(longest_program);
}

} // namespace userblk::fuzz
