// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <sys/types.h>

namespace userblk::test {

// A control group of a test (cgroup v2), removed with the object, once those who are in it have
// gone. What fails throws.
class ControlGroup {
public:
    // With these controllers, such as "+io +memory", which are left on.
    explicit ControlGroup(const std::string& controllers);
    ControlGroup(const ControlGroup&) = delete;
    ControlGroup& operator=(const ControlGroup&) = delete;
    ~ControlGroup();

    // 0: the caller.
    void add(pid_t pid) const;
    // A file of its folder.
    void write(const std::string& file, const std::string& text) const;
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/sys/fs/cgroup/userblk-test";
};

} // namespace userblk::test
