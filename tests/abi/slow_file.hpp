// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>

#include "tests/support/files.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

// A device, and a slow file for it to redirect to: a second device, which nobody serves yet.
class SlowFileTest : public KernelTest {
protected:
    static userblk_config config_of(std::uint64_t size = default_size, std::uint32_t depth = 0) {
        userblk_config config = test_config(size);
        config.flags |= USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
        config.depth = depth;
        return config;
    }

    // Destroyed in reverse order: `device` before `slow`.
    Store store = make_store(default_size);
    TestDevice slow{config_of()};
    TestDevice device{config_of()};

    SlowFileTest() { fill_pattern(store.data(), store.size(), 42); }

    Fd open_slow(int flags = O_DIRECT) const {
        return open_file(slow.block_path(), O_RDWR | flags);
    }
    // Takes one request and redirects it to the same offset of the file.
    userblk_request redirect_one(int fd, int expected = 0) {
        const userblk_request request = take(device.control());
        EXPECT_EQ(put(device.control(), redirect(request, fd, request.offset)), expected);
        return request;
    }
};

} // namespace userblk::test
