// SPDX-License-Identifier: MIT
//
// Bad input to the tools: the message names what is wrong and what would be right, the exit status
// is 2 for wrong usage and 1 for failure, and no program internals show.
#include <algorithm>
#include <regex>

#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class BadInput : public SystemTest {
protected:
    // Runs the tool and checks its complaint: the exit status, a few lines, and a match for each of
    // the regular expressions.
    void complains(int status, const Arguments& command, const std::vector<std::string>& about,
                   const std::string& tool = "userblkctl", const Program::Prepare& prepare = {}) {
        Arguments argv{built(tool)};
        argv.insert(argv.end(), command.begin(), command.end());
        const Outcome outcome = userblk::test::run(argv, patience, prepare);
        SCOPED_TRACE(testing::PrintToString(command) + "\n" + outcome.text());
        EXPECT_EQ(outcome.status, status);
        EXPECT_FALSE(outcome.err.empty()) << "no message";
        if (!command.empty()) { // without arguments, help is expected
            EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 6);
        }
        for (const std::string& expression : about)
            EXPECT_TRUE(std::regex_search(outcome.err, std::regex(expression, std::regex::icase)))
                << "no mention of " << expression;
        const std::regex inside(
            "terminate called|std::|what\\(\\)|Exception|Segmentation|core dumped|"
            "basic_string|stoi|stoul|0x7f[0-9a-f]{9}|\\.cpp|#[0-9]+ ");
        EXPECT_FALSE(std::regex_search(outcome.text(), inside)) << "program internals show";
        EXPECT_EQ(outcome.out, "");
    }
    // Creates a device with the tool and returns its path.
    static std::string create(const Arguments& options) {
        Arguments argv{built("userblkctl"), "create"};
        argv.insert(argv.end(), options.begin(), options.end());
        const std::string out = succeed(argv);
        return out.substr(0, out.find('\n'));
    }
};

// Bad sizes are refused before anything is created.
TEST_F(BadInput, OfSizesForCreate) {
    complains(2, {"create"}, {"size"});
    complains(2, {"create", "--size", "0"}, {"size", "0"});
    complains(2, {"create", "--size", "1000"}, {"1000", "512"});
    complains(2, {"create", "--size", "-1G"}, {"size", "-1G"});
    complains(2, {"create", "--size", "many"}, {"size", "many"});
    complains(2, {"create", "--size", "1X"}, {"size", "1X"});
    complains(2, {"create", "--size", "99999999999999999999G"}, {"size"});
    complains(2, {"create", "--size", "1G", "--block-size", "3000"},
              {"block-size", "3000", "512|4K"});
    complains(2, {"create", "--size", "1G", "--block-size", "8192"}, {"block-size", "8192|8K"});
    complains(2, {"create", "--size", "1M", "--block-size", "4096", "--physical-block-size", "512"},
              {"physical-block-size"});
    complains(2, {"create", "--size", "1G", "--max-transfer", "5000"}, {"max-transfer", "5000"});
    complains(2, {"create", "--size", "1G", "--chunk-size", "100"}, {"chunk-size", "100"});
    EXPECT_TRUE(list_devices().empty());
}

// Bad queues, limits, permissions, owners, names and numbers are refused before anything is
// created.
TEST_F(BadInput, OfQueuesAndLimitsForCreate) {
    complains(2, {"create", "--size", "1G", "--depth", "0"}, {"depth", "0"});
    complains(2, {"create", "--size", "1G", "--depth", "99999"}, {"depth", "99999", "4096"});
    complains(2, {"create", "--size", "1G", "--queues", "0"}, {"queues"});
    complains(2, {"create", "--size", "1G", "--queues", "1000"}, {"queues", "256"});
    complains(2, {"create", "--size", "1G", "--queues", "256", "--depth", "4096"}, {"depth"});
    complains(2, {"create", "--size", "1G", "--queue-limit", "soon"}, {"queue-limit", "soon"});
    complains(2, {"create", "--size", "1G", "--delivery-limit", "-3"}, {"delivery-limit"});
    complains(2, {"create", "--size", "1G", "--mode", "888"}, {"mode", "888"});
    complains(2, {"create", "--size", "1G", "--owner", "nobody-of-that-name"}, {"owner|user"});
    complains(2, {"create", "--size", "1G", "--name", "a/b"}, {"name", "a/b"});
    complains(2, {"create", "--size", "1G", "--name", std::string(70, 'x')}, {"name", "63"});
    complains(2, {"create", "--size", "1G", "--number", "5000"}, {"number", "4095"});
    EXPECT_TRUE(list_devices().empty());
}

// Unknown commands and options, missing arguments, bad values and options that exclude each other.
TEST_F(BadInput, OfCommandsAndOptions) {
    complains(2, {}, {"command"});
    complains(2, {"frobnicate"}, {"frobnicate"});
    complains(2, {"create", "--frobnicate"}, {"frobnicate"});
    complains(2, {"list", "--frobnicate"}, {"frobnicate"});
    complains(2, {"remove"}, {"device|DEV"});
    complains(2, {"resize"}, {"DEV|device"});
    complains(2, {"wait", "0", "--for", "godot"}, {"godot"});
    complains(2, {"--frobnicate"}, {"frobnicate"}, "userblk-recover");
    complains(2, {"--older-than", "soon", "0"}, {"soon"}, "userblk-recover");
    complains(2, {"--pid", "me", "0"}, {"pid"}, "userblk-recover");
    complains(2, {"--all", "--pid", "1", "0"}, {"--all|--pid"}, "userblk-recover");
}

// Names of devices that do not exist.
TEST_F(BadInput, OfNamesOfDevices) {
    for (const std::string command : {"remove", "info", "reset", "reload", "wait", "stats"})
        complains(1, {command, "userblk77"}, {"userblk77|77"});
    complains(1, {"resize", "userblk77", "1G"}, {"77"});
    complains(1, {"serve", "userblk77", "mem:"}, {"77"});
    complains(1, {"info", "no-such-name"}, {"no-such-name"});
    complains(1, {"info", "/dev/null"}, {"/dev/null"});
    complains(1, {"userblk77"}, {"77"}, "userblk-recover");
    complains(1, {"--reset", "userblk77"}, {"77"}, "userblk-recover");
}

// Stores that are none, or are too small.
TEST_F(BadInput, OfStoresForServe) {
    const std::string device = create({"--size", "16M"});
    complains(2, {"serve", device, "gold:"}, {"gold", "mem:|file:"});
    complains(2, {"serve", device, "file:"}, {"file:"});
    complains(2, {"serve", device, "delay=soon,mem:"}, {"soon"});
    complains(2, {"serve", device, "errors=0,mem:"}, {"errors"});
    complains(2, {"serve", device}, {"BACKEND|STORE|mem:|required"});
    complains(2, {"serve", device, "mem:", "--workers", "0"}, {"workers"});
    complains(1, {"serve", device, "file:/no/such/file"}, {"/no/such/file", "No such file"});
    complains(1, {"serve", device, "file:/dev/null"}, {"/dev/null"});
    const Arguments small{"serve", device, "file:" + make_file("small.img", mib)};
    complains(1, small, {"small.img", "1M|1048576", "16M|16777216"});
    complains(1, {"serve", "--create", "file:/no/such/file"}, {"/no/such/file"});
    complains(2, {"serve", "--create", "mem:"}, {"size"});
    EXPECT_EQ(list_devices().size(), 1u) << "a refused serve left a device";
    succeed({built("userblkctl"), "remove", device});
}

// Devices that are in use, stores that have an owner, and wrong sizes.
TEST_F(BadInput, OfWhatCannotBeDoneNow) {
    allow_time(180s);
    const std::string device = create({"--size", "16M", "--name", "gold"});
    complains(1, {"create", "--size", "16M", "--name", "gold"}, {"gold", "taken|in use|exists"});
    complains(1, {"create", "--size", "16M", "--number", device.substr(12)},
              {device.substr(12), "taken|in use|exists"});
    complains(2, {"resize", "gold", "0"}, {"size", "0"});
    complains(2, {"resize", "gold", "1000"}, {"1000", "512"});
    complains(2, {"resize", "gold", "large"}, {"large"});
    {
        Program serve({built("userblkctl"), "serve", "gold", "mem:"});
        ASSERT_EQ(userblk::test::run({built("userblkctl"), "wait", "gold"}).status, 0);
        make_file_system("ext4", device);
        Mount mount(device, folder() + "/mnt");
        complains(1, {"remove", "gold"}, {"in use|busy", "/mnt|mounted|--force"});
        complains(1, {"resize", "gold", "8M"}, {"in use|busy", "--force"});
        mount.unmount();
        serve.signal(SIGTERM);
        EXPECT_EQ(serve.wait(2 * patience).status, 0);
    }
    succeed({built("userblkctl"), "remove", "gold"});
}

// Without privileges, the tools say so and do nothing.
TEST_F(BadInput, OfUsersWithoutPrivileges) {
    const std::string device = create({"--size", "16M"});
    // The build directory may be readable by root only.
    for (const char* tool : {"userblkctl", "userblk-recover"})
        shell("cp \"$1\" \"$2\"; chmod 755 \"$2\"", {built(tool), "/tmp/" + std::string(tool)});
    shell("chmod 755 /tmp");
    const auto refused = [&](const std::string& tool, const Arguments& command) {
        Arguments argv{"/tmp/" + tool};
        argv.insert(argv.end(), command.begin(), command.end());
        const Outcome outcome = userblk::test::run(argv, patience, [] { drop_privileges(); });
        SCOPED_TRACE(testing::PrintToString(command) + "\n" + outcome.text());
        EXPECT_EQ(outcome.status, 1);
        EXPECT_TRUE(
            std::regex_search(outcome.err, std::regex("permi|root|privilege", std::regex::icase)));
        EXPECT_EQ(outcome.err.find("std::"), std::string::npos);
    };
    refused("userblkctl", {"create", "--size", "16M"});
    refused("userblkctl", {"remove", device});
    refused("userblkctl", {"resize", device, "32M"});
    refused("userblkctl", {"reset", device});
    refused("userblkctl", {"serve", device, "null:"});
    refused("userblk-recover", {"--reset", device});
    EXPECT_EQ(list_devices().size(), 1u);
    succeed({built("userblkctl"), "remove", device});
}

} // namespace userblk::test
