// SPDX-License-Identifier: MIT
//
// main() of every test program that needs the module. Run it on a machine dedicated to tests: it
// loads and unloads the module and removes any device that a test leaves behind.
//
// USERBLK_MODULE       the .ko to insert; by default modprobe finds it
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "abi.hpp"
#include "kernel_log.hpp"
#include "kernel_module.hpp"
#include "process.hpp"

namespace userblk::test {

namespace {

class ModuleEnvironment : public testing::Environment {
    void SetUp() override {
        if (geteuid()) {
            std::cerr << "these tests need root (and a machine of their own, see scripts/vm)\n";
            std::exit(2);
        }
        if (module_loaded() && !list_devices().empty()) {
            std::cerr << "there are devices in use; these tests would remove them\n";
            std::exit(2);
        }
        if (module_loaded())
            return;
        if (const std::string problem = load_module(); !problem.empty()) {
            std::cerr << "unable to load the module: " << problem << '\n';
            std::exit(1);
        }
    }

    void TearDown() override {
        KernelLog log;
        EXPECT_EQ(unload_module(), "");
        EXPECT_FALSE(module_loaded());
        for (const std::string& report : kernel_reports(log.read_new(), {}))
            ADD_FAILURE() << "the kernel reports while unloading:\n" << report;
    }
};

int skipped_status() {
    const int skipped = testing::UnitTest::GetInstance()->skipped_test_count();
    if (!skipped || std::getenv("USERBLK_ALLOW_SKIP"))
        return 0;
    std::cerr << skipped << " tests were skipped, which fails the run; "
              << "set USERBLK_ALLOW_SKIP to allow it\n";
    return 1;
}

} // namespace

} // namespace userblk::test

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    // Reap grandchildren whose parents were killed.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    testing::AddGlobalTestEnvironment(new userblk::test::ModuleEnvironment);
    const int status = RUN_ALL_TESTS();
    return status ? status : userblk::test::skipped_status();
}
