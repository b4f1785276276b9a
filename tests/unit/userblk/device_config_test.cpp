// SPDX-License-Identifier: MIT
#include "userblk/backends/null_backend.hpp"
#include "userblk/backends/read_only_backend.hpp"
#include "userblk/decorator.hpp"
#include "userblk/device.hpp"

#include <gtest/gtest.h>

namespace userblk {
namespace {

class Described : public TransparentDecorator {
public:
    Described() : TransparentDecorator(std::make_shared<NullBackend>(8 << 20)) {}
    Description describe() const override {
        auto description = TransparentDecorator::describe();
        description.chunk_size = 256 << 10;
        description.io_opt = 1 << 20;
        description.store_class = StoreClass::unfenced;
        description.store_wait = std::chrono::seconds(30);
        return description;
    }
};

// A device is created with what the store describes, through decorators as well.
TEST(DeviceConfig, IsWhatTheBackendDescribes) {
    const auto backend = std::make_shared<Described>();
    for (const auto& description : {backend->describe(), ReadOnlyBackend(backend).describe()}) {
        const auto config = DeviceConfig::for_backend(description);
        EXPECT_EQ(config.size, 8U << 20);
        EXPECT_EQ(config.chunk_size, 256U << 10);
        EXPECT_EQ(config.io_opt, 1U << 20);
        EXPECT_EQ(config.store_class, StoreClass::unfenced);
        EXPECT_EQ(config.store_wait, std::chrono::seconds(30));
    }
    EXPECT_EQ(DeviceConfig::for_backend({.size = 4096}).chunk_size, 0U);
}

} // namespace
} // namespace userblk
