// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/support/abi.hpp"

namespace userblk::test {

// Ways to lack privileges.
enum class Kind {
    plain,          // nobody, without capabilities
    user_namespace, // root, and all capabilities, in a user namespace of user nobody
    confined        // nobody, can never gain a capability, and dies when it uses io_uring
};

const char* name_of(Kind kind);

// Irreversible: meant for a child, before it starts threads.
void become(Kind kind);

// A device that every Kind may serve.
userblk_config config_for_nobody(std::uint64_t size = default_size);

} // namespace userblk::test
