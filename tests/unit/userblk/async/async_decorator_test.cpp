// SPDX-License-Identifier: MIT
#include "userblk/async_decorator.hpp"

#include "userblk/backends/delay_backend.hpp"
#include "userblk/backends/error_backend.hpp"
#include "userblk/backends/log_backend.hpp"
#include "userblk/backends/read_only_backend.hpp"
#include "userblk/backends/stats_backend.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace userblk {
namespace {

using namespace std::chrono_literals;

// Memory, of this process: enough for a decorator.
class Memory : public AsyncBackend {
public:
    using AsyncBackend::AsyncBackend;
    Description describe() const override {
        return {.size = bytes_.size(),
                .cache = true,
                .fua = true,
                .discard = true,
                .write_zeroes = true};
    }
    std::vector<StoreFile> store_files() const override { return {{"memory", "memory"}}; }
    Task<> read(Slot&, std::uint64_t offset, std::span<std::byte> data) override {
        std::copy_n(bytes_.begin() + static_cast<long>(offset), data.size(), data.begin());
        co_return std::error_code();
    }
    Task<> write(Slot&, std::uint64_t offset, std::span<const std::byte> data,
                 WriteFlags) override {
        std::copy_n(data.begin(), data.size(), bytes_.begin() + static_cast<long>(offset));
        co_return std::error_code();
    }

private:
    std::vector<std::byte> bytes_ = std::vector<std::byte>(512 << 10, std::byte{7});
};

class AsyncDecorators : public testing::Test {
protected:
    std::unique_ptr<AsyncBackend> memory() { return std::make_unique<Memory>(loop); }
    std::error_code end(Task<> task) {
        if (!task.start([](void*) noexcept {}, nullptr))
            while (!task.ended())
                loop.wait();
        return task.result();
    }
    // Calls every operation of a backend once.
    std::vector<std::error_code> ask_everything(AsyncBackend& backend) {
        return {end(backend.read(slot, 0, data)), end(backend.write(slot, 0, data, {.fua = true})),
                end(backend.flush(slot)), end(backend.discard(slot, 0, 512)),
                end(backend.write_zeroes(slot, 0, 512, {}))};
    }

    Slot slot;
    EventLoop loop;
    std::vector<std::byte> data = std::vector<std::byte>(512);
    const std::error_code none,
        unsupported = std::make_error_code(std::errc::operation_not_supported);
};

// The default functions: zeros are written in pieces, and a discard is not supported.
TEST_F(AsyncDecorators, AStoreNeedsOnlyToReadAndWrite) {
    const auto store = memory();
    EXPECT_EQ(ask_everything(*store),
              (std::vector<std::error_code>{none, none, none, unsupported, none}));
    ASSERT_FALSE(end(store->write_zeroes(slot, 512, 300 << 10, {})));
    std::vector<std::byte> all(512 << 10);
    ASSERT_FALSE(end(store->read(slot, 0, all)));
    EXPECT_EQ(all[0], std::byte{0});
    EXPECT_EQ(all[512 + (300 << 10) - 1], std::byte{0});
    EXPECT_EQ(all[512 + (300 << 10)], std::byte{7});
}

// A log reports each call: its kind, place, size and result.
TEST_F(AsyncDecorators, ALogReportsEachCall) {
    std::vector<std::string> lines;
    AsyncLogBackend backend(loop, memory(),
                            [&](LogLevel, const std::string& text) { lines.push_back(text); });
    ask_everything(backend);
    ASSERT_EQ(lines.size(), 5U);
    EXPECT_TRUE(lines[0].starts_with("read of 512 at 0: ok")) << lines[0];
    EXPECT_TRUE(lines[1].starts_with("write of 512 at 0, durable: ok")) << lines[1];
    EXPECT_TRUE(lines[3].starts_with("discard of 512 at 0: Operation not supported")) << lines[3];
}

// Delays, errors and counts in front of each other: each sees what passes the one before it.
TEST_F(AsyncDecorators, Compose) {
    const auto counter = std::make_shared<OperationCounter>();
    auto counted = std::make_unique<AsyncStatsBackend>(loop, memory(), counter);
    auto failing = std::make_unique<AsyncErrorBackend>(loop, std::move(counted), 2);
    AsyncDelayBackend slow(loop, std::move(failing), 1ms);
    const auto start = EventLoop::Clock::now();
    const auto failed = std::make_error_code(std::errc::io_error);
    EXPECT_EQ(ask_everything(slow),
              (std::vector<std::error_code>{none, failed, none, failed, none}));
    EXPECT_GE(EventLoop::Clock::now() - start, 5ms);
    const auto counts = counter->counts();
    EXPECT_EQ(counts.reads, 1U);
    EXPECT_EQ(counts.writes, 0U);
    EXPECT_EQ(counts.flushes, 1U);
    EXPECT_EQ(counts.write_zeroes, 1U);
    EXPECT_EQ(counts.bytes_read, 512U);
    EXPECT_EQ(slow.describe().size, 512U << 10);
}

// A read-only layer refuses what would change the store, and says so beforehand.
TEST_F(AsyncDecorators, ReadOnlyRefusesChanges) {
    AsyncReadOnlyBackend backend(loop, memory());
    const auto refused = std::make_error_code(std::errc::read_only_file_system);
    EXPECT_EQ(ask_everything(backend),
              (std::vector<std::error_code>{none, refused, none, refused, refused}));
    EXPECT_TRUE(backend.describe().read_only);
    EXPECT_FALSE(backend.describe().discard);
    EXPECT_TRUE(backend.store_files().at(0).read_only);
    EXPECT_THROW(AsyncReadOnlyBackend(loop, nullptr), std::invalid_argument);
    EXPECT_THROW(AsyncErrorBackend(loop, memory(), 0), std::invalid_argument);
}

} // namespace
} // namespace userblk
