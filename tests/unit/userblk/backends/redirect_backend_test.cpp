// SPDX-License-Identifier: MIT
#include "userblk/backends/redirect_backend.hpp"

#include "ioctl/file_descriptor.hpp"
#include "tests/unit/userblk/temporary.hpp"

#include <algorithm>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <vector>

namespace userblk {
namespace {

constexpr std::size_t unit = 4096;

// Even units are in one file, odd ones in another; the third unit is nowhere.
class Spread : public RedirectBackend {
public:
    Spread(const std::string& even, const std::string& odd)
        : files_{abi::FileDescriptor::open(even.c_str(), O_RDWR),
                 abi::FileDescriptor::open(odd.c_str(), O_RDWR)} {}
    Description describe() const override { return {.size = 8 * unit, .cache = true}; }
    std::error_code redirect(const Operation& operation, Extents& to) override {
        seen.push_back(operation);
        if (fail)
            return std::make_error_code(std::errc::no_space_on_device);
        if (operation.kind == Operation::Kind::flush)
            to.add_hole(0);
        for (std::uint64_t at = operation.offset; at < operation.offset + operation.length;) {
            const auto number = at / unit;
            const auto piece = std::min(unit - at % unit, operation.offset + operation.length - at);
            if (number == 2)
                to.add_hole(piece);
            else
                to.add(files_[number % 2].get(), number / 2 * unit + at % unit, piece);
            at += piece;
        }
        return {};
    }
    std::vector<Operation> seen;
    bool fail = false;

private:
    abi::FileDescriptor files_[2];
};

class RedirectBackendTest : public testing::Test {
protected:
    test::TemporaryFolder folder;
    Spread store{folder.file("even", 4 * unit), folder.file("odd", 4 * unit)};
};

// Without the kernel's help, the same places are read and written.
TEST_F(RedirectBackendTest, ReadsAndWritesTheExtents) {
    std::vector<std::byte> data(2 * unit, std::byte{7}), back(4 * unit, std::byte{1});
    ASSERT_FALSE(store.write(3 * unit, data, {}));
    ASSERT_FALSE(store.read(unit, back));
    EXPECT_TRUE(std::all_of(back.begin(), back.begin() + 2 * unit,
                            [](std::byte b) { return b == std::byte{0}; }));
    EXPECT_TRUE(std::all_of(back.begin() + 2 * unit, back.end(),
                            [](std::byte b) { return b == std::byte{7}; }));
}

// Zeroed extents read as zeros, and their neighbours stay.
TEST_F(RedirectBackendTest, ZeroesTheExtents) {
    const std::vector<std::byte> data(2 * unit, std::byte{7});
    ASSERT_FALSE(store.write(4 * unit, data, {.fua = true}));
    ASSERT_FALSE(store.write_zeroes(5 * unit, 512, {.keep_allocated = true}));
    ASSERT_FALSE(store.discard(4 * unit, unit));
    std::vector<std::byte> back(2 * unit);
    ASSERT_FALSE(store.read(4 * unit, back));
    EXPECT_EQ(std::count(back.begin(), back.end(), std::byte{7}), unit - 512);
    EXPECT_TRUE(store.seen[1].keep_allocated);
}

// A file that is too short gives an error, and the store's own errors are passed on.
TEST_F(RedirectBackendTest, ErrorsArePassedOn) {
    std::vector<std::byte> data(unit);
    EXPECT_EQ(store.read(8 * unit, data), std::errc::io_error);
    store.fail = true;
    EXPECT_EQ(store.write(0, data, {}), std::errc::no_space_on_device);
    EXPECT_EQ(store.flush(), std::errc::no_space_on_device);
    store.fail = false;
    EXPECT_FALSE(store.flush());
}

} // namespace
} // namespace userblk
