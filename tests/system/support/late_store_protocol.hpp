// SPDX-License-Identifier: MIT
//
// What remote_driver and LateStore say to each other, over a Unix socket.
#pragma once

#include <cstdint>

namespace userblk::test {

struct LateStoreCall {
    enum Kind : std::uint32_t { read, write, fence };

    Kind kind = read;
    std::int32_t pid = 0; // fence: of the client
    std::uint64_t offset = 0;
    std::uint64_t length = 0; // write: bytes that follow; read: bytes that follow the result, if 0
};

// The result: 0 or an errno. EKEYREJECTED: this client was fenced.
using LateStoreResult = std::int32_t;

} // namespace userblk::test
