// SPDX-License-Identifier: MIT
//
// Random programs: everything comes up, and programs stay short.
#include "tests/fuzz/abi/mutation.hpp"

#include <set>

#include <gtest/gtest.h>

#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

// A chain of mutations reaches every call, every actor and, for every parameter, more than its
// default.
TEST(Mutation, ReachesEveryParameter) {
    Random random(1);
    std::set<Kind> met;
    std::set<Actor> acting;
    std::set<std::pair<Kind, std::size_t>> changed;
    Program program = random_program(random);
    for (int i = 0; i < 20000; i++) {
        mutate(program, random_program(random), random);
        ASSERT_FALSE(program.calls.empty());
        ASSERT_LE(program.calls.size(), longest_program);
        for (const Call& call : program.calls) {
            met.insert(call.kind);
            acting.insert(call.actor);
            const Call defaults = default_call(call.kind);
            ASSERT_EQ(call.values.size(), defaults.values.size());
            for (std::size_t value = 0; value < defaults.values.size(); value++)
                if (call.values[value] != defaults.values[value])
                    changed.emplace(call.kind, value);
        }
    }
    EXPECT_EQ(met.size(), kinds);
    EXPECT_EQ(acting.size(), actors);
    for (const Kind kind : met)
        for (std::size_t value = 0; value < schema(kind).parameters.size(); value++)
            EXPECT_TRUE(changed.contains({kind, value}))
                << schema(kind).name << " " << schema(kind).parameters[value].name;
}

// The same seed gives the same chain: a run can be repeated.
TEST(Mutation, DependsOnTheSeedAlone) {
    Program programs[2];
    for (Program& program : programs) {
        Random random(42);
        program = random_program(random);
        for (int i = 0; i < 500; i++)
            mutate(program, random_program(random), random);
    }
    EXPECT_EQ(programs[0], programs[1]);
}

} // namespace userblk::fuzz
