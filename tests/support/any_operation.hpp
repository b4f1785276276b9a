// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <linux/fs.h>

#include "files.hpp"
#include "test_device.hpp"

namespace userblk::test {

// Starts one of USERBLK_OP_* on the first 4 KiB.
inline Io start_operation(TestDevice& on, int op) {
    const int block = on.block();
    switch (op) {
    case USERBLK_OP_READ:
        return on.read(0, 4096);
    case USERBLK_OP_WRITE:
        return on.write(0, pattern(4096, 1));
    case USERBLK_OP_FLUSH:
        return on.flush();
    case USERBLK_OP_DISCARD:
        return on.start([=] {
            std::uint64_t range[2] = {0, 4096};
            return ioctl_error(block, BLKDISCARD, range);
        });
    default:
        return on.start([=] { return punch(block, 0, 4096); });
    }
}

} // namespace userblk::test
