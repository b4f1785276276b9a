// SPDX-License-Identifier: MIT
#include "kernel_test.hpp"

#include <cstdio>

#include <algorithm>

namespace userblk::test {

KernelTest::KernelTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = std::string(test->test_suite_name()) + "." + test->name();
    log_ = std::make_unique<KernelLog>();
    watchdog_ = std::make_unique<Watchdog>(name);
    write_kernel_log("userblk-test: " + name);
}

KernelTest::~KernelTest() {
    try {
        check_devices();
        check_children();
        check_kernel_log();
    } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
    }
}

void KernelTest::expect_kernel_log(const std::string& regex) {
    announced_.push_back(regex);
    write_kernel_log("userblk-test: expect " + regex);
}

void KernelTest::report(const std::string& what, std::uint64_t met, std::uint64_t otherwise) {
    std::printf("    %s: %llu, otherwise: %llu\n", what.c_str(),
                static_cast<unsigned long long>(met), static_cast<unsigned long long>(otherwise));
}

void KernelTest::check_devices() {
    for (const userblk_list_entry& device : list_devices()) {
        ADD_FAILURE() << "the test left device " << device.number;
        remove_device(device.number, USERBLK_REMOVE_FORCE);
    }
}

void KernelTest::check_children() {
    const std::size_t left = kill_children();
    EXPECT_EQ(left, 0u) << "the test left child processes";
}

void KernelTest::check_kernel_log() {
    for (const std::string& report : kernel_reports(log_->read_new(), announced_))
        ADD_FAILURE() << "the kernel reports:\n" << report;
    if (!announced_.empty())
        write_kernel_log("userblk-test: expect-end");
}

} // namespace userblk::test
