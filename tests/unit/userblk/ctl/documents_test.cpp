// SPDX-License-Identifier: MIT
// The documents about the tools are true: every option in a help text is in the man page and in the
// completion, and vice versa.
#include "tests/unit/userblk/ctl/program.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <regex>
#include <set>
#include <unistd.h>

namespace userblk::tests {

namespace {

using Options = std::set<std::string>;

const std::string source = USERBLK_SOURCE_DIR;

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Options long_options(const std::string& text) {
    static const std::regex option("--[a-z][a-z-]*[a-z]");
    Options options;
    for (std::sregex_iterator found(text.begin(), text.end(), option), end; found != end; ++found)
        options.insert(found->str());
    return options;
}

// The options that a help text declares, at the beginning of a line.
Options declared_options(const std::string& help) {
    static const std::regex option("\n  (?:-[a-zA-Z], )?(--[a-z-]+)");
    Options options;
    for (std::sregex_iterator found(help.begin(), help.end(), option), end; found != end; ++found)
        options.insert((*found)[1].str());
    return options;
}

std::string without_backslashes(std::string text) {
    std::erase(text, '\\');
    return text;
}

// The section of userblkctl's man page for one command.
std::string section_of(const std::string& page, const std::string& command) {
    const auto begin = page.find("\n.SS " + command + " ");
    EXPECT_NE(begin, std::string::npos) << command;
    auto end = begin;
    do
        end = page.find("\n.S", end + 1);
    while (page.compare(end, command.size() + 6, "\n.SS " + command + " ") == 0);
    return page.substr(begin, end - begin);
}

Options completed(const std::string& command) {
    const auto script = source + "/packaging/completion/userblkctl";
    return long_options(
        run("/bin/bash", {"-c", ". " + script + "; _userblkctl_options " + command}).out);
}

// The options that a help text declares, and the letters that stand for them.
Options declared_with_letters(const std::string& help) {
    static const std::regex option("\n  (?:(-[a-zA-Z]), )?(--[a-z-]+)");
    Options options;
    for (std::sregex_iterator found(help.begin(), help.end(), option), end; found != end; ++found)
        for (const int group : {1, 2})
            if ((*found)[group].matched)
                options.insert((*found)[group].str());
    return options;
}

bool is_installed(const std::string& program) {
    return ::access(program.c_str(), X_OK) == 0;
}

constexpr const char* zsh = "/bin/zsh";
constexpr const char* fish = "/usr/bin/fish";

// What zsh's completion offers behind the words: _arguments would be told of it like this.
Options completed_by_zsh(const std::string& program, const std::string& words) {
    const auto script = source + "/packaging/completion/zsh/_" + program;
    const auto outcome = run(zsh, {"-f", "-c",
                                   "_arguments() { print -rl -- \"$@\" }; . " + script +
                                       "; words=(" + words + " -); CURRENT=$#words; _" + program});
    EXPECT_EQ(outcome.err, "");
    static const std::regex specification("(?:^|\n)(?:\\([^)]*\\))?\\*?(-[a-zA-Z]|--[a-z-]+)");
    Options options;
    for (std::sregex_iterator found(outcome.out.begin(), outcome.out.end(), specification), end;
         found != end; ++found)
        options.insert((*found)[1].str());
    return options;
}

// What fish's completion offers behind the words.
Options completed_by_fish(const std::string& program, const std::string& words) {
    const auto script = source + "/packaging/completion/fish/" + program + ".fish";
    Options options;
    for (const char* dashes : {" -", " --"}) {
        const auto outcome =
            run(fish, {"--no-config", "-c",
                       "source " + script + "; complete -C '" + words + dashes + "'"});
        static const std::regex offer("(?:^|\n)(-[a-zA-Z]|--[a-z-]+)(?==?\t)");
        for (std::sregex_iterator found(outcome.out.begin(), outcome.out.end(), offer), end;
             found != end; ++found)
            options.insert((*found)[1].str());
    }
    return options;
}

const std::vector<std::string> commands = {"create", "serve",  "list",  "info",   "stats", "top",
                                           "wait",   "reload", "reset", "resize", "remove"};

} // namespace

// Every option in the help of a command is in its section of the man page.
TEST(Documents, ManPageHasEveryOptionOfUserblkctl) {
    const auto page = without_backslashes(read_text(source + "/man/userblkctl.8.in"));
    const auto of_create = long_options(section_of(page, "create"));
    for (const auto& command : commands) {
        auto documented = long_options(section_of(page, command));
        if (command == "serve") // its section refers to the options of create
            documented.insert(of_create.begin(), of_create.end());
        for (const auto& option : declared_options(run(USERBLKCTL, {command, "--help"}).out))
            EXPECT_TRUE(option == "--help" || documented.contains(option))
                << command << " " << option;
    }
}

// Every option in the man pages exists.
TEST(Documents, ManPagesHaveNoUnknownOption) {
    Options real = {"--help", "--version"};
    for (const auto& command : commands)
        real.merge(declared_options(run(USERBLKCTL, {command, "--help"}).out));
    real.merge(declared_options("\n" + run(USERBLK_RECOVER, {"--help"}).out));
    for (const char* page : {"/man/userblkctl.8.in", "/man/userblk-recover.8.in"})
        for (const auto& option : long_options(without_backslashes(read_text(source + page))))
            EXPECT_TRUE(real.contains(option)) << page << " " << option;
}

// The completion offers the options of each command, and no others.
TEST(Documents, CompletionHasTheOptionsOfUserblkctlAndNoOthers) {
    for (const auto& command : commands)
        EXPECT_EQ(completed(command), declared_options(run(USERBLKCTL, {command, "--help"}).out))
            << command;
}

TEST(Documents, CompletionKnowsEveryCommand) {
    const auto script = source + "/packaging/completion/userblkctl";
    const auto out = run("/bin/bash", {"-c", ". " + script + "; echo $_userblkctl_commands"}).out;
    std::string all;
    for (const auto& command : commands)
        all += (all.empty() ? "" : " ") + command;
    EXPECT_EQ(out, all + "\n");
}

// The same for zsh, letters included, as its own shell reads the script.
TEST(Documents, CompletionOfZshHasTheOptionsOfTheToolsAndNoOthers) {
    if (!is_installed(zsh))
        GTEST_SKIP() << "zsh is not installed";
    for (const auto& command : commands)
        EXPECT_EQ(completed_by_zsh("userblkctl", "userblkctl " + command),
                  declared_with_letters(run(USERBLKCTL, {command, "--help"}).out))
            << command;
    EXPECT_EQ(completed_by_zsh("userblkctl", "userblkctl"),
              declared_with_letters(run(USERBLKCTL, {"--help"}).out));
    EXPECT_EQ(completed_by_zsh("userblk-recover", "userblk-recover"),
              declared_with_letters(run(USERBLK_RECOVER, {"--help"}).out));
}

// And for fish.
TEST(Documents, CompletionOfFishHasTheOptionsOfTheToolsAndNoOthers) {
    if (!is_installed(fish))
        GTEST_SKIP() << "fish is not installed";
    for (const auto& command : commands)
        EXPECT_EQ(completed_by_fish("userblkctl", "userblkctl " + command),
                  declared_with_letters(run(USERBLKCTL, {command, "--help"}).out))
            << command;
    EXPECT_EQ(completed_by_fish("userblkctl", "userblkctl"),
              declared_with_letters(run(USERBLKCTL, {"--help"}).out));
    EXPECT_EQ(completed_by_fish("userblk-recover", "userblk-recover"),
              declared_with_letters(run(USERBLK_RECOVER, {"--help"}).out));
}

// Both know every command.
TEST(Documents, CompletionsOfZshAndFishKnowEveryCommand) {
    const Options known(commands.begin(), commands.end());
    if (!is_installed(zsh) || !is_installed(fish))
        GTEST_SKIP() << "zsh or fish is not installed";
    const auto first_words = [](const std::string& text) {
        static const std::regex word("(?:^|\n)([a-z]+)");
        Options words;
        for (std::sregex_iterator found(text.begin(), text.end(), word), end; found != end; ++found)
            words.insert((*found)[1].str());
        return words;
    };
    const auto folder = source + "/packaging/completion/";
    EXPECT_EQ(first_words(
                  run(zsh, {"-f", "-c",
                            ". " + folder + "zsh/_userblkctl; print -rl -- $_userblkctl_commands"})
                      .out),
              known);
    EXPECT_EQ(first_words(run(fish, {"--no-config", "-c",
                                     "source " + folder +
                                         "fish/userblkctl.fish; complete -C 'userblkctl '"})
                              .out),
              known);
}

// The same for userblk-recover.
TEST(Documents, ManPageAndCompletionHaveTheOptionsOfUserblkRecover) {
    const auto real = declared_options(run(USERBLK_RECOVER, {"--help"}).out);
    const auto page = without_backslashes(read_text(source + "/man/userblk-recover.8.in"));
    EXPECT_EQ(long_options(read_text(source + "/packaging/completion/userblk-recover")), real);
    for (const auto& option : real)
        EXPECT_TRUE(long_options(page).contains(option)) << option;
}

// The tools, VERSION, dkms.conf and the changelog have the same version.
TEST(Documents, VersionsAgree) {
    const std::string version = USERBLK_VERSION;
    EXPECT_EQ(run(USERBLKCTL, {"--version"}).out, "userblkctl " + version + "\n");
    EXPECT_EQ(run(USERBLK_RECOVER, {"--version"}).out, "userblk-recover " + version + "\n");
    EXPECT_EQ(read_text(source + "/VERSION"), version + "\n");
    EXPECT_NE(read_text(USERBLK_DKMS_CONF).find("PACKAGE_VERSION=\"" + version + "\""),
              std::string::npos);
    EXPECT_NE(read_text(source + "/CHANGELOG.md").find("\n## [" + version + "]"),
              std::string::npos);
    // Debian's packages, before a release with ~ and more behind it.
    const auto packages = read_text(source + "/debian/changelog");
    EXPECT_TRUE(packages.starts_with("userblk (" + version + ")") ||
                packages.starts_with("userblk (" + version + "~"))
        << packages.substr(0, packages.find('\n'));
}

// Documents that name a version name this one, and no source defines another: DKMS keeps the old
// module if a version stays behind.
TEST(Documents, NameNoOtherVersion) {
    static const std::regex named("userblk[/-]([0-9]+\\.[0-9]+\\.[0-9]+)");
    int count = 0;
    for (const char* document : {"/README.md", "/docs/install.md"}) {
        const auto text = read_text(source + document);
        for (std::sregex_iterator found(text.begin(), text.end(), named), end; found != end;
             ++found, ++count)
            EXPECT_EQ((*found)[1], USERBLK_VERSION) << document;
    }
    EXPECT_GE(count, 1);
    static const std::regex own("\"[0-9]+\\.[0-9]+\\.[0-9]+\"|VERSION [0-9]+\\.[0-9]+\\.[0-9]+ ");
    for (const char* file :
         {"/CMakeLists.txt", "/Kbuild", "/kmod/main.c", "/packaging/dkms.conf.in"})
        EXPECT_FALSE(std::regex_search(read_text(source + file), own)) << file;
}

// Every ioctl of the ABI has an entry in the man page.
TEST(Documents, ManPageHasEveryIoctl) {
    const auto header = read_text(source + "/ioctl/userblk_ioctl.h");
    const auto page = read_text(source + "/man/userblk.4.in");
    static const std::regex definition("#define (USERBLK_[A-Z_]+)\\s+_IO[WR]");
    int count = 0;
    for (std::sregex_iterator found(header.begin(), header.end(), definition), end; found != end;
         ++found, ++count)
        EXPECT_NE(page.find(".B " + (*found)[1].str() + "\n"), std::string::npos)
            << (*found)[1].str();
    EXPECT_GE(count, 9);
}

// The udev rule and the units use attributes and options that exist.
TEST(Documents, UdevRuleAndUnitsNameWhatExists) {
    const auto rule = read_text(source + "/packaging/udev/60-userblk.rules");
    for (const char* word : {"userblk/by-name/", "USERBLK_EVENT", "userblk/state"})
        EXPECT_NE(rule.find(word), std::string::npos) << word;
    static const std::regex command("userblkctl ([a-z]+) ([^\n|';]*)");
    for (const char* name : {"userblk@", "userblk-user@"}) {
        const auto unit = read_text(source + "/packaging/systemd/" + name + ".service.in");
        std::set<std::string> found;
        const auto from = unit.find("\n[Service]");
        ASSERT_NE(from, std::string::npos) << name;
        for (std::sregex_iterator
                 match(unit.begin() + static_cast<long>(from), unit.end(), command),
             end;
             match != end; ++match) {
            const auto declared =
                declared_options(run(USERBLKCTL, {(*match)[1].str(), "--help"}).out);
            for (const auto& option : long_options((*match)[2].str()))
                EXPECT_TRUE(declared.contains(option)) << name << ": " << option;
            found.insert((*match)[1].str());
        }
        EXPECT_TRUE(found.contains("serve") && found.contains("reload")) << name;
    }
}

} // namespace userblk::tests
