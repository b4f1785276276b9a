// SPDX-License-Identifier: MIT
#include "userblk/decorators.hpp"

#include "temporary.hpp"
#include "userblk/null_backend.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;
using test::filled;

std::shared_ptr<Backend> store() {
    return std::make_shared<NullBackend>(1 << 20);
}

// Everything that can be asked of a backend, once each.
std::vector<std::error_code> ask_everything(Backend& backend) {
    auto data = filled(512, 1);
    return {backend.read(0, data), backend.write(0, data, {.fua = true}), backend.flush(),
            backend.discard(0, 512), backend.write_zeroes(0, 512, {})};
}

// A log tells of each call: its kind, place, size and end.
TEST(Decorators, ALogTellsOfEachCall) {
    std::vector<std::string> lines;
    LogBackend backend(store(), [&](LogLevel, const std::string& text) { lines.push_back(text); });
    ask_everything(backend);
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_TRUE(lines[0].starts_with("read of 512 at 0: ok")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("write of 512 at 0, durable: ok")) << lines[1];
    EXPECT_TRUE(lines[2].starts_with("flush: ok")) << lines[2];
}

// A delayed store is slower, and otherwise the same.
TEST(Decorators, ADelayDelays) {
    DelayBackend backend(store(), 20ms);
    const auto start = std::chrono::steady_clock::now();
    for (const auto& result : ask_everything(backend))
        EXPECT_FALSE(result);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
    EXPECT_EQ(backend.describe().size, 1U << 20);
}

// Every third call fails, and does not reach the store.
TEST(Decorators, ErrorsComeAtTheirInterval) {
    const auto stats = std::make_shared<StatsBackend>(store());
    ErrorBackend backend(stats, 3);
    const auto results = ask_everything(backend);
    EXPECT_EQ(results[2], std::errc::io_error);
    EXPECT_EQ(std::count(results.begin(), results.end(), std::error_code()), 4);
    EXPECT_EQ(stats->counts().flushes, 0U);
    EXPECT_THROW(ErrorBackend(store(), 0), std::invalid_argument);
}

// Nothing that would change a read-only store gets through.
TEST(Decorators, AReadOnlyStoreIsNotChanged) {
    const auto stats = std::make_shared<StatsBackend>(store());
    ReadOnlyBackend backend(stats);
    const auto results = ask_everything(backend);
    EXPECT_FALSE(results[0]);
    EXPECT_EQ(results[1], std::errc::read_only_file_system);
    EXPECT_FALSE(results[2]);
    EXPECT_EQ(results[3], std::errc::read_only_file_system);
    EXPECT_EQ(results[4], std::errc::read_only_file_system);
    EXPECT_EQ(stats->counts().writes + stats->counts().discards + stats->counts().write_zeroes, 0U);
    EXPECT_TRUE(backend.describe().read_only);
    EXPECT_FALSE(backend.describe().discard);
}

// Statistics count calls, bytes and errors.
TEST(Decorators, StatisticsCount) {
    StatsBackend backend(std::make_shared<ErrorBackend>(store(), 5));
    ask_everything(backend);
    const auto counts = backend.counts();
    EXPECT_EQ(counts.reads, 1U);
    EXPECT_EQ(counts.bytes_read, 512U);
    EXPECT_EQ(counts.writes, 1U);
    EXPECT_EQ(counts.durable_writes, 1U);
    EXPECT_EQ(counts.flushes, 1U);
    EXPECT_EQ(counts.write_zeroes, 1U);
    EXPECT_EQ(counts.errors, 1U);
}

// A store without a way of its own to write zeros gets them written, in pieces
// that are bounded, over exactly the range.
TEST(Decorators, ZerosAreWrittenInPiecesWhereThereIsNoOtherWay) {
    struct Recorder : Backend {
        Description describe() const override { return {}; }
        std::error_code read(std::uint64_t, std::span<std::byte>) override { return {}; }
        std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                              WriteFlags flags) override {
            EXPECT_EQ(offset, end);
            EXPECT_TRUE(flags.fua);
            EXPECT_LE(data.size(), 1U << 20);
            for (const auto byte : data)
                EXPECT_EQ(byte, std::byte(0));
            end += data.size();
            return {};
        }
        std::uint64_t end = 4096;
    } recorder;
    EXPECT_FALSE(recorder.write_zeroes(4096, 1'000'448, {.fua = true}));
    EXPECT_EQ(recorder.end, 4096U + 1'000'448U);
    EXPECT_EQ(recorder.discard(0, 512), std::errc::operation_not_supported);
    EXPECT_TRUE(recorder.mapping(0, 512, Backend::Access::store).empty());
}

} // namespace
} // namespace userblk
