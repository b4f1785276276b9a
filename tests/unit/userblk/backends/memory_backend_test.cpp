// SPDX-License-Identifier: MIT
#include "userblk/backends/memory_backend.hpp"

#include "tests/unit/userblk/temporary.hpp"
#include "userblk/shared_memory.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {
namespace {

using test::filled;
using Access = Backend::Access;

constexpr std::uint64_t size = 1 << 20;

class MemoryBackendTest : public testing::Test {
protected:
    ~MemoryBackendTest() override { MemoryBackend::remove(name); }

    std::uint64_t allocated() const {
        struct stat status {};
        EXPECT_EQ(::stat(("/dev/shm/" + name).c_str(), &status), 0);
        return static_cast<std::uint64_t>(status.st_blocks) * 512;
    }

    void expect_content(Backend& backend, std::uint64_t offset, std::size_t length,
                        unsigned char value) {
        auto data = filled(length, 0x55);
        ASSERT_FALSE(backend.read(offset, data));
        EXPECT_EQ(data, filled(length, value));
    }

    std::string name = MemoryBackend::segment_named("unit-test-" + std::to_string(::getpid()));
};

// A worker writes and is killed: the next one finds what it wrote.
TEST_F(MemoryBackendTest, OutlivesTheProcessThatWrote) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto* const backend = new MemoryBackend(name, size);
        const bool failed = bool(backend->write(4096, filled(4096, 0x11), {}));
        ::_exit(failed);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
    MemoryBackend backend(name, size);
    expect_content(backend, 4096, 4096, 0x11);
    expect_content(backend, 0, 4096, 0);
}

// Memory is allocated on writing, freed on discarding, and not allocated by reading.
TEST_F(MemoryBackendTest, TakesMemoryOnlyForWhatWasWritten) {
    MemoryBackend backend(name, size);
    expect_content(backend, 0, size, 0);
    EXPECT_EQ(allocated(), 0U);
    EXPECT_TRUE(backend.mapping(0, 4096, Access::load).empty());
    ASSERT_FALSE(backend.write(0, filled(131072, 0xaa), {}));
    EXPECT_EQ(allocated(), 131072U);
    ASSERT_FALSE(backend.discard(0, 65536));
    ASSERT_FALSE(backend.write_zeroes(65536, 4096, {}));
    EXPECT_EQ(allocated(), 61440U);
    ASSERT_FALSE(backend.write_zeroes(69632, 4096, {.fua = false, .keep_allocated = true}));
    EXPECT_EQ(allocated(), 61440U);
    expect_content(backend, 0, 73728, 0);
    expect_content(backend, 73728, 57344, 0xaa);
}

// The mapping and read() and write() use the same memory.
TEST_F(MemoryBackendTest, TheMappingIsTheStore) {
    MemoryBackend backend(name, size), other(name, size);
    const auto place = backend.mapping(8192 + 512, 1024, Access::store);
    ASSERT_EQ(place.size(), 1024U);
    std::memset(place.data(), 0x33, place.size());
    expect_content(other, 8192 + 512, 1024, 0x33);
    const auto back = other.mapping(8192 + 512, 1024, Access::load);
    ASSERT_EQ(back.size(), 1024U);
    EXPECT_EQ(std::memcmp(back.data(), place.data(), place.size()), 0);
}

// Two workers serve one store. What one of them discards is not allocated again although the other
// has seen it in memory.
TEST_F(MemoryBackendTest, ADiscardIsNoticedByOtherWorkers) {
    MemoryBackend one(name, size), other(name, size);
    ASSERT_FALSE(one.write(0, filled(65536, 0xaa), {}));
    EXPECT_FALSE(other.mapping(0, 65536, Access::load).empty());
    ASSERT_FALSE(one.discard(0, 65536));
    EXPECT_TRUE(other.mapping(0, 4096, Access::load).empty());
    EXPECT_EQ(allocated(), 0U);
}

// Its discard counter goes with it.
TEST_F(MemoryBackendTest, NothingIsLeftWhenItIsRemoved) {
    { MemoryBackend backend(name, size); }
    EXPECT_EQ(::access(("/dev/shm/" + name + "~discards").c_str(), F_OK), 0);
    ASSERT_TRUE(MemoryBackend::remove(name));
    EXPECT_NE(::access(("/dev/shm/" + name + "~discards").c_str(), F_OK), 0);
}

// A store has the name that earlier builds gave to another store's discard counter: the two do not
// interfere.
TEST_F(MemoryBackendTest, NoNameIsThatOfAnothersCount) {
    const auto second = name + ".discards";
    {
        MemoryBackend other(second, size);
        ASSERT_FALSE(other.write(0, filled(size, 0x33), {}));
        MemoryBackend backend(name, size);
        ASSERT_FALSE(backend.write(0, filled(8192, 0x11), {}));
        ASSERT_FALSE(backend.discard(0, 4096));
        expect_content(other, 0, size, 0x33);
    }
    ASSERT_TRUE(MemoryBackend::remove(name));
    MemoryBackend other(second, size);
    expect_content(other, 0, size, 0x33);
    EXPECT_TRUE(MemoryBackend::remove(second));
    for (const auto* bad : {"userblk.a~discards", "a/b", "..", ""})
        EXPECT_THROW(MemoryBackend(bad, size), std::invalid_argument) << bad;
}

// The folder is writable for everybody. Files that others may change, and links, are neither used
// nor changed, and the error says what is wrong.
TEST_F(MemoryBackendTest, FilesThatOthersMayChangeAreRefused) {
    const auto path = "/dev/shm/" + name;
    const auto complaint = [&]() -> std::string {
        try {
            MemoryBackend backend(name, size);
            return "none";
        } catch (const std::system_error& error) {
            return error.what();
        }
    };
    { const std::ofstream file(path); }
    ASSERT_EQ(::chmod(path.c_str(), 0622), 0);
    EXPECT_NE(complaint().find("(mode 0622)"), std::string::npos) << complaint();
    EXPECT_EQ(std::filesystem::file_size(path), 0U);
    std::filesystem::remove(path);

    test::TemporaryFolder folder;
    const auto victim = folder.text("victim", "precious");
    ASSERT_EQ(::symlink(victim.c_str(), path.c_str()), 0);
    EXPECT_NE(complaint().find("is not a regular file"), std::string::npos) << complaint();
    EXPECT_EQ(std::filesystem::file_size(victim), 8U);
    std::filesystem::remove(path);

    MemoryBackend backend(name, size);
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
}

// The device grows under its workers: each finds the new part, the content stays, and pointers into
// the old mapping stay valid.
TEST_F(MemoryBackendTest, GrowsWithTheDevice) {
    MemoryBackend backend(name, size), other(name, size);
    ASSERT_FALSE(backend.write(0, filled(4096, 0x44), {}));
    const auto before = backend.mapping(0, 4096, Access::store);
    ASSERT_FALSE(backend.write(3 * size, filled(4096, 0x66), {}));
    expect_content(other, 3 * size, 4096, 0x66);
    expect_content(other, 0, 4096, 0x44);
    // The late one does not truncate what the other has extended.
    ASSERT_FALSE(other.write(2 * size, filled(4096, 0x77), {}));
    expect_content(backend, 3 * size, 4096, 0x66);
    EXPECT_EQ(before.front(), std::byte(0x44));
    EXPECT_FALSE(backend.mapping(5 * size, 4096, Access::store).empty());
}

// A device is opened again with a smaller size: nothing is truncated.
TEST_F(MemoryBackendTest, OpeningNeverShrinks) {
    {
        MemoryBackend backend(name, size);
        ASSERT_FALSE(backend.write(size - 4096, filled(4096, 0x11), {}));
    }
    MemoryBackend backend(name, 4096);
    expect_content(backend, size - 4096, 4096, 0x11);
}

// A device's memory is removed with it; removing it twice does no harm.
TEST_F(MemoryBackendTest, IsRemovedOnce) {
    MemoryBackend backend(name, size);
    EXPECT_TRUE(MemoryBackend::remove(name));
    EXPECT_FALSE(MemoryBackend::remove(name));
}

// Memory of a device that does not exist is found and removed; other files in the folder are not.
TEST_F(MemoryBackendTest, StaleMemoryIsRemovedAndNothingElse) {
    const auto stale = MemoryBackend::segment_of(4093, static_cast<std::uint64_t>(::getpid()));
    MemoryBackend old(stale, 4096);
    MemoryBackend named(name, 4096);
    const auto removed = MemoryBackend::remove_stale();
    EXPECT_NE(std::find(removed.begin(), removed.end(), stale), removed.end());
    EXPECT_EQ(std::find(removed.begin(), removed.end(), name), removed.end());
    EXPECT_FALSE(MemoryBackend::remove(stale));
}

// Two numbers never result in the same name.
TEST_F(MemoryBackendTest, SegmentsAreTheDevicesOwn) {
    EXPECT_NE(MemoryBackend::segment_of(1, 23), MemoryBackend::segment_of(12, 3));
    EXPECT_NE(MemoryBackend::segment_of(1, 2), MemoryBackend::segment_named("1-2"));
}

// Anonymous shared memory is common to processes forked after it was created.
TEST(SharedMemory, IsCommonToForkedProcesses) {
    SharedMemory memory(8192);
    const pid_t child = ::fork();
    if (child == 0) {
        memory.data()[4097] = std::byte(7);
        ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
    EXPECT_EQ(memory.data()[4097], std::byte(7));
    const SharedMemory moved = std::move(memory);
    EXPECT_EQ(moved.size(), 8192U);
    EXPECT_EQ(moved.bytes()[4097], std::byte(7));
}

} // namespace
} // namespace userblk
