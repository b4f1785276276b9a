// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/kernel_test.hpp"
#include "tests/system/support/program.hpp"

namespace userblk::test {

using namespace std::chrono_literals;

// Whether loads run longer than needed to see that they run ($USERBLK_TEST_LONG).
bool long_form();
// One or the other, by the form.
template <class T>
T in_form(T in_long, T in_short) {
    return long_form() ? in_long : in_short;
}

// Prints a measured value to the test's output. Nothing depends on it.
void figure(const std::string& name, const std::string& value);
// Median and maximum; "none" without any.
void figure(const std::string& name, std::vector<double> milliseconds);

inline constexpr std::uint64_t mib = 1 << 20;

// A device with every feature that a store may offer.
userblk_config full_config(std::uint64_t size);

// Writes to a file of sysfs or procfs; 0 or the errno.
int write_setting(const std::string& path, const std::string& text);
// The file's first line; empty if it cannot be read.
std::string read_setting(const std::string& path);

// How much of a file is allocated, in bytes.
std::uint64_t allocated(const std::string& path);
std::uint64_t size_of_block_device(const std::string& path);

// A file system that is mounted while the object lives.
class Mount {
public:
    Mount(const std::string& source, const std::string& point, const Arguments& options = {});
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    // Unmounts whatever happens: by removing all devices, if need be.
    ~Mount();

    const std::string& point() const { return point_; }
    // The test fails if unmounting fails.
    void unmount();

private:
    std::string point_;
    bool mounted_ = false;
};

// mkfs, quietly.
void make_file_system(const std::string& type, const std::string& device);
// Fails the test unless the file system is clean; repairs nothing.
void check_file_system(const std::string& type, const std::string& device);
// A tree of some hundred files to copy from, in memory, so that it is read from the host only once.
const std::string& sample_tree();
// One line that changes with any file's content or path.
std::string checksum_of_tree(const std::string& folder);

// The base of all tests here: a folder in memory, removed afterwards. Remaining programs get time
// to exit, since workers exit when their device is removed.
class SystemTest : public KernelTest {
protected:
    void SetUp() override;
    void TearDown() override;

    const std::string& folder() const { return folder_; }
    // A sparse file of this size in the folder; its path.
    std::string make_file(const std::string& name, std::uint64_t size) const;

private:
    std::string folder_;
};

} // namespace userblk::test
