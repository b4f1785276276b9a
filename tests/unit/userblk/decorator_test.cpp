// SPDX-License-Identifier: MIT
#include "userblk/decorator.hpp"

#include "tests/unit/userblk/temporary.hpp"
#include "userblk/backends/delay_backend.hpp"
#include "userblk/backends/error_backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/backends/log_backend.hpp"
#include "userblk/backends/null_backend.hpp"
#include "userblk/backends/read_only_backend.hpp"
#include "userblk/backends/stats_backend.hpp"
#include "userblk/device.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;
using test::filled;

std::shared_ptr<Backend> store() {
    return std::make_shared<NullBackend>(1 << 20);
}

// Calls every operation of a backend once.
std::vector<std::error_code> ask_everything(Backend& backend) {
    auto data = filled(512, 1);
    return {backend.read(0, data), backend.write(0, data, {.fua = true}), backend.flush(),
            backend.discard(0, 512), backend.write_zeroes(0, 512, {})};
}

// A log reports each call: its kind, place, size and result.
TEST(Decorators, ALogReportsEachCall) {
    std::vector<std::string> lines;
    LogBackend backend(store(), [&](LogLevel, const std::string& text) { lines.push_back(text); });
    ask_everything(backend);
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_TRUE(lines[0].starts_with("read of 512 at 0: ok")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("write of 512 at 0, durable: ok")) << lines[1];
    EXPECT_TRUE(lines[2].starts_with("flush: ok")) << lines[2];
}

// One hook sees every operation, with its kind, place and flags, and decides its result.
TEST(Decorators, AHookSeesEachOperation) {
    class Hooked : public TransparentDecorator {
    public:
        using TransparentDecorator::TransparentDecorator;
        std::vector<Operation> seen;

    protected:
        std::error_code around(const Operation& operation, const Proceed& proceed) override {
            seen.push_back(operation);
            if (operation.kind == Operation::Kind::discard)
                return std::make_error_code(std::errc::timed_out); // not carried out
            return proceed();
        }
    };
    const auto stats = std::make_shared<StatsBackend>(store());
    Hooked backend(stats);
    const auto results = ask_everything(backend);
    using Kind = Operation::Kind;
    ASSERT_EQ(backend.seen.size(), 5U);
    const Kind kinds[] = {Kind::read, Kind::write, Kind::flush, Kind::discard, Kind::write_zeroes};
    for (std::size_t i = 0; i < backend.seen.size(); ++i) {
        const auto& operation = backend.seen[i];
        EXPECT_EQ(operation.kind, kinds[i]) << i;
        EXPECT_EQ(operation.length, kinds[i] == Kind::flush ? 0U : 512U) << i;
        EXPECT_EQ(operation.fua, kinds[i] == Kind::write) << i;
    }
    EXPECT_EQ(results[3], std::errc::timed_out);
    const auto counts = stats->counts();
    EXPECT_EQ(counts.reads + counts.writes + counts.flushes + counts.write_zeroes, 4U);
    EXPECT_EQ(counts.discards, 0U);
}

// A store whose writes end with the process needs no fence. Any other has to bring its own; layers
// in front of it pass its class and its fence on.
TEST(Decorators, PassOnTheFence) {
    class Remote : public TransparentDecorator {
    public:
        Remote() : TransparentDecorator(store()) {}
        mutable std::vector<DeadClient> fenced;

        Description describe() const override {
            auto description = TransparentDecorator::describe();
            description.store_class = StoreClass::fenced;
            return description;
        }
        std::error_code fence(const DeadClient& dead) const override {
            if (dead.pid == 0)
                return Store::fence(dead);
            fenced.push_back(dead);
            return {};
        }
    };
    EXPECT_FALSE(store()->fence({1, {2}}));
    const auto remote = std::make_shared<Remote>();
    DelayBackend backend(std::make_shared<ReadOnlyBackend>(remote), 0ms);
    EXPECT_EQ(backend.describe().store_class, StoreClass::fenced);
    EXPECT_FALSE(backend.fence({17, {3, 4}}));
    ASSERT_EQ(remote->fenced.size(), 1U);
    EXPECT_EQ(remote->fenced[0].pid, 17);
    EXPECT_EQ(remote->fenced[0].requests, (std::vector<std::uint64_t>{3, 4}));
    EXPECT_EQ(backend.fence({0, {}}), std::errc::operation_not_supported) << "it has none";
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

// Nothing that would change a read-only store reaches it.
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

// A layer that encrypts, as a first attempt would: it changes the data of reads and writes. The
// store behind it punches holes, which read as zeros there and would be noise through the layer.
// Zeroed ranges still read as zeros, unsupported operations are not offered, and a device created
// for it sends none of them.
TEST(Decorators, ALayerThatChangesDataIsNotPassedBy) {
    struct Encrypting : Decorator {
        using Decorator::Decorator;
        std::error_code read(std::uint64_t offset, std::span<std::byte> data) override {
            const auto error = Decorator::read(offset, data);
            for (auto& byte : data)
                byte ^= std::byte(0x5a);
            return error;
        }
        std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                              WriteFlags flags) override {
            std::vector<std::byte> other(data.begin(), data.end());
            for (auto& byte : other)
                byte ^= std::byte(0x5a);
            return Decorator::write(offset, other, flags);
        }
    };
    test::TemporaryFolder folder;
    const auto file = std::make_shared<FileBackend>(folder.file("disk", 1 << 20));
    Encrypting layer(file);
    const auto secret = filled(8192, 0x77);
    ASSERT_FALSE(layer.write(4096, secret, {}));
    ASSERT_FALSE(layer.write_zeroes(4096, 4096, {}));
    auto back = filled(8192, 1);
    ASSERT_FALSE(layer.read(4096, back));
    EXPECT_TRUE(std::equal(back.begin(), back.begin() + 4096, filled(4096, 0).begin()));
    EXPECT_TRUE(std::equal(back.begin() + 4096, back.end(), secret.begin()));
    EXPECT_EQ(layer.discard(8192, 4096), std::errc::operation_not_supported);
    ASSERT_FALSE(layer.read(4096, back));
    EXPECT_TRUE(std::equal(back.begin() + 4096, back.end(), secret.begin()));

    ASSERT_TRUE(file->describe().discard && file->describe().write_zeroes);
    const auto config = DeviceConfig::for_backend(layer.describe());
    EXPECT_EQ(config.size, 1U << 20);
    EXPECT_FALSE(config.discard);
    EXPECT_FALSE(config.write_zeroes);
    EXPECT_EQ(config.discard_granularity, 0U);
    // Features show through decorators that leave data alone, down to such a layer and no further.
    EXPECT_TRUE(LogBackend(file, {}).describe().discard);
    EXPECT_FALSE(LogBackend(std::make_shared<Encrypting>(file), {}).describe().discard);
}

// A store without its own way to write zeros gets them written, in bounded pieces, over exactly the
// range.
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
