// SPDX-License-Identifier: MIT
//
// Programs as text: a program that is written and read again is the same program.
#include "tests/fuzz/abi/text.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/fuzz/abi/corpus.hpp"
#include "tests/fuzz/abi/mutation.hpp"
#include "tests/fuzz/abi/schema.hpp"

namespace userblk::fuzz {

// Any program, even with values that no parameter expects, is read back from its text unchanged.
TEST(ProgramText, BringsBackEveryProgram) {
    Random random(7);
    Program program = random_program(random);
    for (int i = 0; i < 3000; i++) {
        mutate(program, random_program(random), random);
        ASSERT_EQ(to_program(to_text(program)), program) << to_text(program);
    }
}

// What the reader of a finding relies on: defaults are left out, other values have their names.
TEST(ProgramText, LeavesOutDefaults) {
    const std::string text = "io operation=write length=8192\n"
                             "child: get on=1 to=good\n"
                             "answer id=@0 action=redirect file=loop offset=@0+512\n"
                             "put flags=0x80000000\n";
    EXPECT_THROW(to_program(text), std::runtime_error); // put has put_flags
    const std::string right = "io operation=write length=8192\n"
                              "child: get on=1 to=good\n"
                              "answer action=redirect offset=@0-512 file=loop\n"
                              "put put_flags=0x80000000\n";
    EXPECT_EQ(to_text(to_program(right)), right);
    EXPECT_EQ(to_text(default_call(Kind::create)), "create");
}

// Several programs in one file, as in a finding, with comments between them.
TEST(ProgramText, DividesPrograms) {
    const std::vector<Program> programs = to_programs("# it hangs\ninfo\n----\n\nget\nput\n----\n");
    ASSERT_EQ(programs.size(), 2u);
    EXPECT_EQ(programs[0].calls.size(), 1u);
    EXPECT_EQ(programs[1].calls.size(), 2u);
    EXPECT_THROW(to_program("info\n----\ninfo\n"), std::runtime_error);
}

// Anything that is not a program is refused, with the invalid word.
TEST(ProgramText, RefusesUnknownWords) {
    for (const char* text : {"frobnicate", "get count", "get count=", "get count=x", "get colour=1",
                             "child:", "get count=@", "get count=@1+", "get count=0x"}) {
        EXPECT_THROW(to_program(text), std::runtime_error) << text;
    }
}

// The corpus in the source tree can be read and is in canonical form, so that a program found again
// is recognised.
TEST(ProgramText, IsThatOfTheCorpus) {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(USERBLK_FUZZ_CORPUS)) {
        std::ifstream in(file.path());
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        EXPECT_EQ(to_text(to_program(text)), text) << file.path();
        count++;
    }
    EXPECT_GT(count, 0u);
    EXPECT_EQ(Corpus(USERBLK_FUZZ_CORPUS).size(), count);
}

} // namespace userblk::fuzz
