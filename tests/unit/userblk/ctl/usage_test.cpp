// SPDX-License-Identifier: MIT
// userblkctl's reactions to wrong command lines. Needs neither the module nor root.
#include "tests/unit/userblk/ctl/program.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

namespace userblk::tests {

namespace {

const std::vector<std::string> commands = {"create", "serve",  "list",  "info",   "stats", "top",
                                           "wait",   "reload", "reset", "resize", "remove"};

Outcome userblkctl(const std::string& line) {
    std::vector<std::string> arguments;
    std::istringstream words(line);
    for (std::string word; words >> word;)
        arguments.push_back(word);
    return run(USERBLKCTL, arguments);
}

struct Wrong {
    const char* line;
    const char* says; // must be in the message
};

// A wrong command line of any kind: exit status 2, nothing on standard output, and a message that
// names the mistake and the program.
void expect_refused(const std::vector<Wrong>& lines) {
    for (const auto& [line, says] : lines) {
        const auto outcome = userblkctl(line);
        EXPECT_EQ(outcome.status, 2) << line << '\n' << outcome;
        EXPECT_EQ(outcome.out, "") << line;
        EXPECT_EQ(outcome.err.find("userblkctl"), 0U) << line << '\n' << outcome;
        EXPECT_NE(outcome.err.find(says), std::string::npos) << line << '\n' << outcome;
        EXPECT_NE(outcome.err.find("--help'"), std::string::npos) << line << '\n' << outcome;
        EXPECT_FALSE(shows_internals(outcome.err)) << line << '\n' << outcome;
    }
}

} // namespace

TEST(WrongUsage, OfUserblkctlItself) {
    expect_refused({
        {"frobnicate", "frobnicate"},
        {"--frobnicate", "--frobnicate"},
    });
}

TEST(WrongUsage, OfTheOtherCommands) {
    expect_refused({
        {"list --frobnicate", "--frobnicate"},
        {"list --output SIZE,COLOUR", "COLOUR"},
        {"list --output +SIZE,", "invalid column"},
        {"list --raw --json", "exclude each other"},
        {"stats --output COLOUR", "COLOUR"},
        {"stats --pairs --raw", "exclude each other"},
        {"info", "DEV"},
        {"stats --count 3", "--interval"},
        {"stats --interval 0s", "--interval"},
        {"top --interval infinity", "--interval"},
        {"wait", "DEV"},
        {"wait 0 --for ever", "ready, idle or removed"},
        {"wait 0 --timeout soon", "a time is"},
        {"reload", "DEV"},
        {"reset", "DEV"},
        {"reset 0 --pid 0", "process id"},
        {"reset 0 --id x", "id"},
        {"reset 0 --all --pid 3", "--all"},
        {"resize 0", "SIZE"},
        {"remove", "--all"},
        {"remove --all 0", "--all"},
    });
}

TEST(WrongUsage, OfCreate) {
    expect_refused({
        {"create", "--size is missing;"},
        {"create --size 0", "--size: a device cannot have size 0"},
        {"create --size 1000", "multiple of the block size"},
        {"create --size 1", "1 byte is not"},
        {"create --size x", "a size is a number of bytes"},
        {"create --size -1", "--size"},
        {"create --size 99E", "too large"},
        {"create --size 9E", "less than 8E"},
        {"create --size 6K --block-size 4K", "such as 8192"},
        {"create --size 1G --block-size 256", "from 512 to 4K"},
        {"create --size 1G --block-size 1000", "power of two"},
        {"create --size 1G --block-size 8K", "from 512 to 4K"},
        {"create --size 1G --physical-block-size 2M", "from 512 to 1M"},
        {"create --size 1G --block-size 4K --physical-block-size 512", "from 4K to 1M"},
        {"create --size 1G --io-min 6K", "physical block size, 4096"},
        {"create --size 1G --io-opt 1", "physical block size, 4096"},
        {"create --size 1G --max-transfer 2K", "from 4K to 4M"},
        {"create --size 1G --max-transfer 8M", "from 4K to 4M"},
        {"create --size 1G --chunk-size 3M", "from 4K to 1G"},
        {"create --size 1G --chunk-size 2G", "from 4K to 1G"},
        {"create --size 1G --chunk-size 8G", "--chunk-size"},
        {"create --size 1G --queues 0", "1 to 256"},
        {"create --size 1G --queues 257", "1 to 256"},
        {"create --size 1G --queues many", "whole number"},
        {"create --size 1G --depth 0", "1 to 4096"},
        {"create --size 1G --depth 4097", "1 to 4096"},
        {"create --size 1G --queues 256 --depth 129", "at most 128"},
        {"create --size 1G --discard-granularity 3K", "power of two"},
        {"create --size 1G --no-discard --discard-granularity 4K", "without discard"},
        {"create --size 1G --name 7", "number of a device"},
        {"create --size 1G --name userblk7", "number of a device"},
        {"create --size 1G --name a/b", "letters, digits"},
        {"create --size 1G --name .a", "does not begin with"},
        {"create --size 1G --name "
         "0123456789012345678901234567890123456789012345678901234567890abc",
         "at most 63"},
        {"create --size 1G --number 4096", "0 to 4095"},
        {"create --size 1G --mode 999", "octal"},
        {"create --size 1G --mode 01000", "octal"},
        {"create --size 1G --owner no-such-user", "no user"},
        {"create --size 1G --group no-such-group", "no group"},
        {"create --size 1G --queue-limit 3x", "unknown unit"},
        {"create --size 1G --delivery-limit -1", "whole number"},
        {"create --size 1G --store-class remote", "process, fenced, unfenced or wait:TIME"},
        {"create --size 1G --store-class wait", "process, fenced, unfenced or wait:TIME"},
        {"create --size 1G --store-class wait:soon", "--store-class"},
        {"create --size 1G --store-class wait:0", "such as wait:30s"},
        {"create --size 1G --store-class wait:infinity", "such as wait:30s"},
    });
}

TEST(WrongUsage, OfServe) {
    expect_refused({
        {"serve", "STORE"},
        {"serve 0", "STORE is missing"},
        {"serve mem:", "DEV is missing"},
        {"serve --create", "STORE is missing"},
        {"serve --create mem:", "--size is missing"},
        {"serve --create mem: --size 0", "--size: a device cannot have size 0"},
        {"serve --create 0 mem:", "no DEV"},
        {"serve 0 disk.img", "file:PATH"},
        {"serve 0 delay=x,mem:", "a time is"},
        {"serve 0 null: --workers 0", "1 to 1024"},
        {"serve 0 null: --threads 0", "1 to 1024"},
        {"serve 0 null: --batch 4097", "1 to 4096"},
        {"serve 0 null: --wait never", "poll or serve"},
        {"serve 0 null: --log nowhere", "console, syslog or file:PATH"},
        {"serve 0 null: --log-level loud", "error"},
        {"serve 0 null: --user no-such-user", "no-such-user"},
        {"serve 0 null: --size 1G", "--create"},
        {"serve 0 null: --keep", "--create"},
        {"serve 0 null: --timeout 3s", "--detach"},
        {"serve --create null: --size 1G --reuse", "--name"},
        {"serve 0 file:x --direct", "--redirect"},
        {"serve 0 mem: --redirect", "file:PATH"},
        {"serve 0 log,file:x --redirect", "bypass"},
        {"serve --create file:/dev/null --redirect --no-redirect", "exclude"},
        {"create --size 1G --allow-redirect --no-redirect", "exclude"},
    });
}

// A script whose variable is empty does not get a device without a name.
TEST(WrongUsage, AnEmptyNameIsRefused) {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"create"}, {"serve", "--create", "mem:"}}) {
        auto arguments = command;
        arguments.insert(arguments.end(), {"--size", "1G", "--name", ""});
        const auto outcome = run(USERBLKCTL, arguments);
        EXPECT_EQ(outcome.status, 2) << outcome;
        EXPECT_NE(outcome.err.find("omit --name"), std::string::npos) << outcome;
    }
}

// A file that is shorter than one block of the device.
TEST(Userblkctl, NamesAFileThatIsShorterThanABlock) {
    const auto path = testing::TempDir() + "/userblk-short." + std::to_string(::getpid());
    std::ofstream(path) << std::string(1000, 'x');
    const auto outcome = userblkctl("serve --create --block-size 4K file:" + path);
    std::filesystem::remove(path);
    EXPECT_EQ(outcome.status, 1) << outcome;
    EXPECT_NE(outcome.err.find("has 1000 bytes, less than one block of 4096"), std::string::npos)
        << outcome;
}

// No command at all: the help, on standard error, and status 2.
TEST(Userblkctl, WithoutACommandListsTheCommands) {
    const auto outcome = userblkctl("");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    for (const auto& command : commands)
        EXPECT_NE(outcome.err.find("\n  " + command + " "), std::string::npos) << command;
}

// Help goes to standard output, and fits a terminal of the usual width.
TEST(Userblkctl, HasHelpForEveryCommandWithinEightyColumns) {
    for (const auto& command : commands) {
        const auto outcome = userblkctl(command + " --help");
        EXPECT_EQ(outcome.status, 0) << command;
        EXPECT_NE(outcome.out.find("Usage: userblkctl " + command), std::string::npos) << outcome;
        EXPECT_EQ(outcome.err, "");
        std::istringstream lines(outcome.out);
        for (std::string line; std::getline(lines, line);)
            EXPECT_LE(line.size(), 80U) << command << ": " << line;
    }
}

TEST(Userblkctl, PrintsItsVersion) {
    const auto outcome = userblkctl("--version");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.out, "userblkctl " USERBLK_VERSION "\n");
}

// A device that is not there is a failure, not wrong usage.
TEST(Userblkctl, NamesADeviceThatIsNotThere) {
    for (const char* line : {"info no-such", "stats no-such", "wait no-such", "reload no-such",
                             "reset no-such", "resize no-such 1G", "remove no-such", "list no-such",
                             "serve no-such null:", "info 4095"}) {
        const auto outcome = userblkctl(line);
        EXPECT_EQ(outcome.status, 1) << line << outcome;
        EXPECT_NE(outcome.err.find("no such device"), std::string::npos) << line << outcome;
        EXPECT_EQ(outcome.out, "");
    }
}

// A store that cannot be opened is a failure, and the message names it.
TEST(Userblkctl, NamesAFileThatCannotBeOpened) {
    const auto outcome = userblkctl("serve --create file:/no/such/file");
    EXPECT_EQ(outcome.status, 1) << outcome;
    EXPECT_NE(outcome.err.find("/no/such/file"), std::string::npos) << outcome;
}

// Without devices the list is empty, not an error.
TEST(Userblkctl, ListsWithOrWithoutHeadings) {
    const auto list = userblkctl("list");
    EXPECT_EQ(list.status, 0);
    EXPECT_EQ(list.out.find("DEVICE"), 0U);
    const auto bare = userblkctl("list -n -o device,size -b");
    EXPECT_EQ(bare.status, 0);
    EXPECT_EQ(bare.out.find("DEVICE"), std::string::npos);
    const auto json = userblkctl("list --json");
    EXPECT_EQ(json.status, 0);
    EXPECT_EQ(json.out.front(), '[');
}

} // namespace userblk::tests
