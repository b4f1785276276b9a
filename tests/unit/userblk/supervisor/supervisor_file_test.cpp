// SPDX-License-Identifier: MIT
#include "userblk/supervisor/supervisor_file.hpp"

#include "ioctl/file_descriptor.hpp"
#include "tests/unit/userblk/temporary.hpp"
#include "userblk/supervisor_record.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {
namespace {

class SupervisorFileTest : public testing::Test {
protected:
    SupervisorFileTest() { ::setenv("USERBLK_RUN_DIR", folder.path().c_str(), 1); }
    ~SupervisorFileTest() override { ::unsetenv("USERBLK_RUN_DIR"); }

    // A process that announces itself and has a child that lives on until the test ends, when
    // `alive` loses its last writer.
    pid_t start_supervisor(unsigned number) {
        int ready[2];
        EXPECT_EQ(::pipe(ready), 0);
        int alive[2];
        EXPECT_EQ(::pipe(alive), 0);
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::close(alive[1]);
            const auto* const file = new SupervisorFile(number);
            char nothing = 0;
            if (::fork() == 0) {
                ::close(ready[1]);
                ::_exit(::read(alive[0], &nothing, 1) == 0 ? 0 : 1);
            }
            const char word = file->error() ? 'e' : 'r';
            if (::write(ready[1], &word, 1) == 1)
                ::pause();
            ::_exit(0);
        }
        char word = 0;
        EXPECT_EQ(::read(ready[0], &word, 1), 1);
        EXPECT_EQ(word, 'r');
        ::close(ready[0]);
        ::close(ready[1]);
        ::close(alive[0]);
        alive_.reset(alive[1]);
        return pid;
    }

    test::TemporaryFolder folder;

private:
    abi::FileDescriptor alive_;
};

// A supervisor is found while it lives, by its device alone.
TEST_F(SupervisorFileTest, ALivingSupervisorIsFound) {
    const pid_t pid = start_supervisor(3);
    EXPECT_EQ(supervisors_of(3), std::vector<pid_t>{pid});
    EXPECT_TRUE(supervisors_of(4).empty());
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
}

// The supervisor is killed, and its worker lives on: the supervisor is not found, and the file that
// it left is removed.
TEST_F(SupervisorFileTest, AKilledSupervisorIsNotFound) {
    const pid_t pid = start_supervisor(3);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    EXPECT_TRUE(supervisors_of(3).empty());
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// An orderly exit removes the file; that of a forked child does not.
TEST_F(SupervisorFileTest, TheFileGoesWithItsOwner) {
    {
        const SupervisorFile file(5);
        ASSERT_FALSE(file.error());
        const pid_t child = ::fork();
        if (child == 0) {
            file.~SupervisorFile();
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
        EXPECT_TRUE(std::filesystem::exists(file.path()));
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// Others read what a supervisor says about itself; the supervisor does not.
TEST_F(SupervisorFileTest, OthersReadWhatItSays) {
    SupervisorFile file(5);
    SupervisorRecord record;
    record.store = std::string(3000, 'x');
    file.write(record);
    record.store = "mem:";
    file.write(record);
    EXPECT_TRUE(supervisor_records(5).empty());
    const pid_t child = ::fork();
    if (child == 0) {
        const auto records = supervisor_records(5);
        ::_exit(records.size() == 1 && records[0].store == "mem:" && records[0].pid == ::getppid()
                    ? 0
                    : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

// Files whose names merely resemble a supervisor's: none counts as one, least of all for PIDs 0 and
// -1, which mean groups; the files stay.
TEST_F(SupervisorFileTest, FilesOfOtherNamesAreNoSupervisors) {
    const auto own = std::to_string(::getpid());
    const std::vector<std::string> names = {
        "5.0",          "5.-1",          "5.-1999999", "05." + own, " 5." + own, "5." + own + "x",
        "5.4294967296", "5.1999999999x", "5.",         ".5"};
    for (const auto& name : names)
        folder.text(name, "");
    // This lock belongs to no process, and the kernel reports PID -1 for it.
    const auto fd = abi::FileDescriptor::open((folder.path() / "5.-1").c_str(), O_RDWR);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    ASSERT_EQ(::fcntl(fd.get(), F_OFD_SETLK, &lock), 0);
    EXPECT_TRUE(supervisors_of(5).empty());
    for (const auto& name : names)
        EXPECT_TRUE(std::filesystem::exists(folder.path() / name)) << name;
}

// A living supervisor's file is named after its PID in another PID namespace, which nobody has
// here: the file is kept, and the supervisor is found under its PID here: the lock proves that it
// lives.
TEST_F(SupervisorFileTest, TheLockAloneDecidesWhoLives) {
    const pid_t pid = start_supervisor(3);
    const auto strange = folder.path() / "3.1999999999";
    std::filesystem::rename(folder.path() / ("3." + std::to_string(pid)), strange);
    EXPECT_EQ(supervisors_of(3), std::vector<pid_t>{pid});
    EXPECT_TRUE(std::filesystem::exists(strange));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    EXPECT_TRUE(supervisors_of(3).empty());
    EXPECT_FALSE(std::filesystem::exists(strange));
}

// The name is taken by another living supervisor, with the same PID in its own PID namespace: there
// are two files then, and both supervisors are found.
TEST_F(SupervisorFileTest, TwoOfTheSamePidHaveAFileEach) {
    const pid_t other = start_supervisor(3);
    const auto name = "3." + std::to_string(::getpid());
    std::filesystem::rename(folder.path() / ("3." + std::to_string(other)), folder.path() / name);
    {
        const SupervisorFile own(3);
        ASSERT_FALSE(own.error());
        EXPECT_EQ(own.path(), folder.path() / (name + ".1"));
        const auto found = supervisors_of(3);
        EXPECT_EQ(std::set<pid_t>(found.begin(), found.end()),
                  (std::set<pid_t>{::getpid(), other}));
    }
    EXPECT_EQ(supervisors_of(3), std::vector<pid_t>{other});
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
}

// A search for supervisors, also by a supervisor, releases no lock: another process still sees it.
TEST_F(SupervisorFileTest, ASearchKeepsItsOwnLock) {
    const SupervisorFile own(3);
    ASSERT_FALSE(own.error());
    EXPECT_EQ(supervisors_of(3), std::vector<pid_t>{::getpid()});
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(supervisors_of(3) == std::vector<pid_t>{::getppid()} ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

// A file locked for reading, which needs no write permission, has no supervisor; nor has a pipe
// there, and it does not hang the search.
TEST_F(SupervisorFileTest, WhatAnybodyCanForgeIsNoSupervisor) {
    folder.text("3.77", "");
    ASSERT_EQ(::mkfifo((folder.path() / "3.78").c_str(), 0666), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::open((folder.path() / "3.77").c_str(), O_RDONLY);
        struct flock lock {};
        lock.l_type = F_RDLCK;
        if (::fcntl(fd, F_SETLK, &lock) < 0)
            ::_exit(1);
        ::raise(SIGSTOP);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
    ASSERT_TRUE(WIFSTOPPED(status));
    EXPECT_TRUE(announcements_of(3).empty());
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

// Where no file can be created, no supervisor is found and nothing fails.
TEST_F(SupervisorFileTest, AFolderThatCannotBeCreatedIsTolerated) {
    ::setenv("USERBLK_RUN_DIR", "/proc/nowhere/userblk", 1);
    EXPECT_TRUE(SupervisorFile(5).error());
    EXPECT_TRUE(supervisors_of(5).empty());
}

} // namespace
} // namespace userblk
