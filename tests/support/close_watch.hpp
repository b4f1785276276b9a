// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/types.h>

#include "fd.hpp"

namespace userblk::test {

// Sees in which process the last reference to an open file goes (fanotify).
class CloseWatch {
public:
    // Of one existing file, or node.
    explicit CloseWatch(const std::string& path);

    // The process of the next last close, waited for; a failure of the test, and 0, if none comes.
    pid_t await();

private:
    Fd fd_;
};

// Whether it is one of the kernel's own threads.
bool is_kernel_thread(pid_t pid);

} // namespace userblk::test
