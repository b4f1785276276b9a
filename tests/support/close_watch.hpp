// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/types.h>

#include "fd.hpp"

namespace userblk::test {

// Reports which process drops the last reference to an open file (fanotify).
class CloseWatch {
public:
    // Watches one existing file or node.
    explicit CloseWatch(const std::string& path);

    // Waits for the next last close and returns its process; fails the test and returns 0 if none
    // comes.
    pid_t await();

private:
    Fd fd_;
};

// Whether it is a kernel thread.
bool is_kernel_thread(pid_t pid);

} // namespace userblk::test
