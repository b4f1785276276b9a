// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/system/support/system_test.hpp"

namespace userblk::test {

// Installs the shipped rules and runs udev, which the other tests keep out.
class Udev : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        if (!std::filesystem::exists("/run/udev/control"))
            GTEST_SKIP() << "requires udev";
        std::error_code ignored;
        for (const auto& file : std::filesystem::directory_iterator(USERBLK_PACKAGING, ignored))
            if (file.path().extension() == ".rules")
                rules_.push_back("/etc/udev/rules.d/" + file.path().filename().string());
        for (const std::string& rule : rules_)
            std::filesystem::copy_file(std::string(USERBLK_PACKAGING) + "/" +
                                           std::filesystem::path(rule).filename().string(),
                                       rule, std::filesystem::copy_options::overwrite_existing);
        ASSERT_FALSE(rules_.empty()) << "no udev rule in " << USERBLK_PACKAGING;
        succeed({"udevadm", "control", "--start-exec-queue"});
        for (int i = 0; i < 5 && !rules_in_force(); i++)
            succeed({"udevadm", "control", "--reload"});
    }
    // After a single "udevadm control --reload" the old rules occasionally handled a device, with
    // not one link of ours.
    static bool rules_in_force() {
        settle();
        const TestDevice probe(named("probe"), TestDevice::Begin::not_served);
        settle();
        return std::filesystem::is_symlink("/dev/userblk/by-name/probe");
    }
    void TearDown() override {
        for (const std::string& rule : rules_)
            std::filesystem::remove(rule);
        run({"udevadm", "control", "--reload"});
        run({"udevadm", "settle", "--timeout=20"});
        run({"udevadm", "control", "--stop-exec-queue"});
        SystemTest::TearDown();
    }
    static void settle() { succeed({"udevadm", "settle", "--timeout=20"}, 2 * patience); }
    static bool has_property(const TestDevice& device, const std::string& line) {
        const std::string all =
            run({"udevadm", "info", "--query=property", "--name=" + device.block_path()}).out;
        return ("\n" + all).find("\n" + line) != std::string::npos;
    }
    // The target of a link below /dev/userblk/by-name/; "" if the link does not appear.
    static std::string target_of(const std::string& name) {
        const std::string path = "/dev/userblk/by-name/" + name;
        std::error_code none;
        eventually([&] { return std::filesystem::is_symlink(path, none); });
        return std::filesystem::read_symlink(path, none).filename();
    }
    static std::string known(const TestDevice& device) {
        return run({"udevadm", "info", "--query=all", "--name=" + device.block_path()}).text();
    }
    static userblk_config named(const char* name, std::uint64_t size = 16 * mib) {
        userblk_config config = full_config(size);
        config.flags &= ~static_cast<std::uint64_t>(USERBLK_F_NO_PARTITIONS);
        set_name(config, name);
        return config;
    }

private:
    std::vector<std::string> rules_;
};

} // namespace userblk::test
