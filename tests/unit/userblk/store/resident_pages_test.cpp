// SPDX-License-Identifier: MIT
#include "userblk/store/resident_pages.hpp"

#include "userblk/shared_memory.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace userblk {
namespace {

constexpr std::size_t page = ResidentPages::page;
constexpr std::size_t pages = 200; // more than three words of bits

class ResidentPagesTest : public testing::Test {
protected:
    void touch(std::size_t first, std::size_t count) {
        std::memset(memory.data() + first * page, 1, count * page);
    }
    bool contains(std::size_t first, std::size_t count) {
        return resident.contain(first * page, count * page);
    }

    SharedMemory memory{pages * page};
    ResidentPages resident{memory.bytes()};
};

// Untouched pages are not resident; touched ones are found, to the page.
TEST_F(ResidentPagesTest, ReportsWhatIsInMemory) {
    touch(63, 2); // across two words
    EXPECT_FALSE(contains(62, 1));
    EXPECT_TRUE(contains(63, 2));
    EXPECT_FALSE(contains(63, 3));
    EXPECT_FALSE(contains(0, pages));
    touch(0, pages);
    EXPECT_TRUE(contains(0, pages));
    EXPECT_TRUE(resident.contain(page - 1, 2)); // a byte of each of two pages
}

// A page once seen is not queried again, until it is reported gone.
TEST_F(ResidentPagesTest, RemembersUntilForgotten) {
    touch(0, pages);
    ASSERT_TRUE(contains(0, pages));
    ASSERT_EQ(::madvise(memory.data(), memory.size(), MADV_REMOVE), 0);
    EXPECT_TRUE(contains(0, pages));
    resident.remove(10 * page, 60 * page);
    EXPECT_TRUE(contains(0, 10));
    EXPECT_FALSE(contains(10, 1));
    EXPECT_FALSE(contains(69, 1));
    EXPECT_TRUE(contains(70, 130));
    resident.forget_all();
    EXPECT_FALSE(contains(0, 1));
}

// Pages about to be written count as resident.
TEST_F(ResidentPagesTest, AcceptsPagesAboutToBeWritten) {
    resident.add(5 * page, page);
    EXPECT_TRUE(contains(5, 1));
    EXPECT_FALSE(contains(4, 1));
    EXPECT_FALSE(contains(6, 1));
}

} // namespace
} // namespace userblk
