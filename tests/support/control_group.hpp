// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/types.h>

namespace userblk::test {

// A control group (cgroup v2) for one test. The destructor removes it once its processes are gone.
// Errors throw.
class ControlGroup {
public:
    // Enables these controllers, such as "+io +memory", and leaves them enabled.
    explicit ControlGroup(const std::string& controllers);
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    ~ControlGroup();

    // 0 is the caller.
    void add(pid_t pid) const;
    // Writes to a file of the group.
    void write(const std::string& file, const std::string& text) const;
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/sys/fs/cgroup/userblk-test";
};

} // namespace userblk::test
