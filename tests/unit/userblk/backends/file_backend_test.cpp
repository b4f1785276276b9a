// SPDX-License-Identifier: MIT
#include "userblk/backends/file_backend.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {
namespace {

using test::filled;

constexpr std::uint64_t size = 1 << 20;

class FileBackendTest : public testing::Test {
protected:
    // Bytes allocated for the file.
    std::uint64_t allocated() const {
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return static_cast<std::uint64_t>(status.st_blocks) * 512;
    }

    // Whether the whole range is a hole.
    bool is_hole(std::uint64_t offset, std::uint64_t length) const {
        const abi::FileDescriptor fd(::open(path.c_str(), O_RDONLY));
        const auto data = ::lseek(fd.get(), static_cast<off_t>(offset), SEEK_DATA);
        return data < 0 || static_cast<std::uint64_t>(data) >= offset + length;
    }

    void fill(FileBackend& backend) {
        ASSERT_FALSE(backend.write(0, filled(size, 0xaa), {}));
        ASSERT_FALSE(backend.flush());
    }

    void expect_content(FileBackend& backend, std::uint64_t offset, std::size_t length,
                        unsigned char value) {
        auto data = filled(length, 0x55);
        ASSERT_FALSE(backend.read(offset, data));
        EXPECT_EQ(data, filled(length, value));
    }

    test::TemporaryFolder folder;
    std::string path = folder.file("disk", size);
};

// One worker reads what another has written.
TEST_F(FileBackendTest, WhatWasWrittenIsRead) {
    FileBackend first(path), second(path);
    ASSERT_FALSE(first.write(4096, filled(8192, 0x11), {}));
    ASSERT_FALSE(first.write(8192, filled(512, 0x22), {.fua = true}));
    expect_content(second, 4096, 4096, 0x11);
    expect_content(second, 8192, 512, 0x22);
    expect_content(second, 0, 4096, 0);
    expect_content(second, size - 512, 512, 0);
}

// A file reports its size, rounded down to whole blocks, and its cache.
TEST_F(FileBackendTest, DescribesWhatTheFileOffers) {
    const auto description = FileBackend(folder.file("odd", 10'000)).describe();
    EXPECT_EQ(description.size, 9728U);
    EXPECT_TRUE(description.cache);
    EXPECT_TRUE(description.fua);
    EXPECT_TRUE(description.write_zeroes);
    EXPECT_FALSE(description.read_only);
}

// Asking whether holes can be punched changes nothing in the file.
TEST_F(FileBackendTest, OpeningChangesNothing) {
    const auto before = allocated();
    FileBackend backend(path);
    EXPECT_EQ(allocated(), before);
    EXPECT_EQ(std::filesystem::file_size(path), size);
}

// Discarded space returns to the file system.
TEST_F(FileBackendTest, ADiscardMakesAHole) {
    FileBackend backend(path);
    if (!backend.describe().discard)
        GTEST_SKIP() << "no holes in the file system of " << path;
    fill(backend);
    ASSERT_FALSE(backend.discard(65536, 131072));
    EXPECT_TRUE(is_hole(65536, 131072));
    EXPECT_FALSE(is_hole(0, 65536));
    expect_content(backend, 0, 65536, 0xaa);
    expect_content(backend, 196608, 65536, 0xaa);
    EXPECT_EQ(std::filesystem::file_size(path), size);
}

// Zeroing may make a hole unless the space must stay allocated; it reads as zeros in any case.
TEST_F(FileBackendTest, ZerosAreAHoleUnlessTheyMustStayAllocated) {
    FileBackend backend(path);
    fill(backend);
    ASSERT_FALSE(backend.write_zeroes(0, 65536, {}));
    ASSERT_FALSE(backend.write_zeroes(131072, 65536, {.fua = true, .keep_allocated = true}));
    expect_content(backend, 0, 65536, 0);
    expect_content(backend, 65536, 65536, 0xaa);
    expect_content(backend, 131072, 65536, 0);
    expect_content(backend, 196608, 65536, 0xaa);
    if (backend.describe().discard) {
        EXPECT_TRUE(is_hole(0, 65536));
        EXPECT_GE(allocated(), size - 65536);
    }
}

// The file is truncated under a device: reads beyond its end are clean errors, not zeros, and
// writes do not extend it.
TEST_F(FileBackendTest, AFileThatBecameShorterGivesErrors) {
    FileBackend backend(path);
    std::filesystem::resize_file(path, 4096);
    auto data = filled(8192, 0);
    EXPECT_EQ(backend.read(0, data), std::errc::io_error);
    EXPECT_EQ(backend.read(65536, data), std::errc::io_error);
    FileBackend again(path);
    EXPECT_EQ(again.write(4096, data, {}), std::errc::no_space_on_device);
    EXPECT_EQ(again.write_zeroes(0, 8192, {}), std::errc::no_space_on_device);
    EXPECT_EQ(std::filesystem::file_size(path), 4096U);
}

// The file grows while it is served: the new part is usable at once.
TEST_F(FileBackendTest, AFileThatBecameLongerIsUsedToItsEnd) {
    FileBackend backend(path);
    std::filesystem::resize_file(path, 2 * size);
    ASSERT_FALSE(backend.write(2 * size - 512, filled(512, 0x77), {}));
    expect_content(backend, 2 * size - 512, 512, 0x77);
}

// A file opened read-only reports it and refuses the rest.
TEST_F(FileBackendTest, AReadOnlyFileIsNotWritten) {
    FileBackend backend(path, FileBackend::Mode::read_only);
    EXPECT_TRUE(backend.describe().read_only);
    EXPECT_FALSE(backend.describe().discard);
    EXPECT_TRUE(backend.write(0, filled(512, 1), {}));
    EXPECT_TRUE(backend.discard(0, 512));
    expect_content(backend, 0, 512, 0);
}

// An unsuitable store is refused with a message that names it.
TEST_F(FileBackendTest, AnUnsuitableStoreIsRefusedByName) {
    const auto complaint = [](const std::string& name) -> std::string {
        try {
            FileBackend backend(name);
        } catch (const std::exception& error) {
            return error.what();
        }
        return {};
    };
    const auto missing = folder.path() / "missing";
    EXPECT_EQ(complaint(missing),
              "unable to open " + missing.native() + ": No such file or directory");
    EXPECT_NE(complaint(folder.path()).find(folder.path().native()), std::string::npos);
    EXPECT_NE(complaint("/dev/null").find("neither a regular file nor a block device"),
              std::string::npos);
    EXPECT_NE(complaint(folder.file("tiny", 100)).find("smaller than a block"), std::string::npos);
}

} // namespace
} // namespace userblk
