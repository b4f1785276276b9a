// SPDX-License-Identifier: MIT
#include "control_group.hpp"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "eventually.hpp"
#include "fd.hpp"

namespace userblk::test {

namespace {

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    if (!(file << text << std::flush))
        throw_errno("unable to write " + text + " to " + path);
}

} // namespace

ControlGroup::ControlGroup(const std::string& controllers) {
    write_file("/sys/fs/cgroup/cgroup.subtree_control", controllers);
    std::filesystem::create_directory(path_);
}

ControlGroup::~ControlGroup() {
    EXPECT_TRUE(eventually([this] {
        std::error_code error;
        return std::filesystem::remove(path_, error);
    }));
}

void ControlGroup::add(pid_t pid) const {
    write("cgroup.procs", std::to_string(pid));
}

void ControlGroup::write(const std::string& file, const std::string& text) const {
    write_file(path_ + "/" + file, text);
}

} // namespace userblk::test
