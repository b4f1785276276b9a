// SPDX-License-Identifier: MIT
// "userblkctl top" on a terminal, in the foreground of a shell with job control.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace userblk::tests {

namespace {

constexpr int patience_ms = 30'000;
constexpr const char* enter = "\x1b[?1049h";
constexpr const char* leave = "\x1b[?1049l";

// The shell's reports about its job: first its PID, then how it stopped or ended.
struct Report {
    pid_t job = 0;
    int status = 0;    // of waitpid()
    bool plain = true; // the terminal is as it was
};

bool is_plain(const termios& mode) {
    return (mode.c_lflag & ICANON) != 0 && (mode.c_lflag & ECHO) != 0;
}

// A minimal shell in a session of its own: it runs the job, reports when it stops or ends, and
// continues it on request.
[[noreturn]] void be_a_shell(int reports, int orders) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t job = ::fork();
    if (job == 0) {
        ::setpgid(0, 0);
        ::tcsetpgrp(STDIN_FILENO, ::getpid());
        ::signal(SIGTTOU, SIG_DFL);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::execl(USERBLKCTL, "userblkctl", "top", "-i", "50ms", nullptr);
        ::_exit(127);
    }
    Report report;
    report.job = job;
    const auto tell = [&] {
        if (::write(reports, &report, sizeof report) != sizeof report)
            ::_exit(1);
    };
    tell();
    for (;;) {
        ::waitpid(job, &report.status, WUNTRACED);
        ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
        termios mode{};
        ::tcgetattr(STDIN_FILENO, &mode);
        report.plain = is_plain(mode);
        tell();
        char order = 0;
        if (!WIFSTOPPED(report.status) || ::read(orders, &order, 1) != 1)
            ::_exit(0);
        ::tcsetpgrp(STDIN_FILENO, job);
        ::kill(-job, SIGCONT);
    }
}

class TopOnATerminal : public testing::Test {
protected:
    TopOnATerminal() {
        int reports[2], orders[2];
        EXPECT_EQ(::pipe(reports), 0);
        EXPECT_EQ(::pipe(orders), 0);
        winsize size{};
        size.ws_row = 24;
        size.ws_col = 80;
        shell_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
        if (shell_ == 0)
            be_a_shell(reports[1], orders[0]);
        ::close(reports[1]);
        ::close(orders[0]);
        reports_ = reports[0];
        orders_ = orders[1];
        job_ = report().job;
    }
    ~TopOnATerminal() override {
        ::kill(shell_, SIGKILL);
        ::waitpid(shell_, nullptr, 0);
        for (const int fd : {terminal_, reports_, orders_})
            ::close(fd);
    }

    void type(char key) const { EXPECT_EQ(::write(terminal_, &key, 1), 1); }
    void let_go_on() const { EXPECT_EQ(::write(orders_, "c", 1), 1); }
    // The output from here up to this text; a failure if it never appears.
    std::string until(const std::string& text) const {
        std::string shown;
        std::array<char, 4096> buffer;
        while (shown.find(text) == std::string::npos) {
            pollfd entry{terminal_, POLLIN, 0};
            const auto count = ::poll(&entry, 1, patience_ms) == 1
                                   ? ::read(terminal_, buffer.data(), buffer.size())
                                   : 0;
            if (count <= 0) {
                ADD_FAILURE() << "never shown: " << testing::PrintToString(text) << " in "
                              << testing::PrintToString(shown);
                break;
            }
            shown.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return shown;
    }
    Report report() const {
        Report report;
        pollfd entry{reports_, POLLIN, 0};
        EXPECT_EQ(::poll(&entry, 1, patience_ms), 1) << "nothing happens";
        EXPECT_EQ(::read(reports_, &report, sizeof report), ssize_t{sizeof report});
        return report;
    }
    // Ends top by this signal, with the same result as Ctrl-C: the terminal is restored.
    void expect_end_by(int number) const {
        until("DEVICE");
        EXPECT_EQ(::kill(job_, number), 0);
        until(leave);
        const auto ended = report();
        EXPECT_FALSE(WIFSTOPPED(ended.status));
        EXPECT_TRUE(ended.plain) << "the terminal stayed raw";
    }

private:
    pid_t shell_ = -1, job_ = -1;
    int terminal_ = -1, reports_ = -1, orders_ = -1;
};

} // namespace

// Ctrl-Z restores the terminal and stops top; back in the foreground it redraws, any number of
// times, and q ends it.
TEST_F(TopOnATerminal, StopsAndGoesOn) {
    until("DEVICE");
    for (int round = 0; round < 2; ++round) {
        type('\x1a');
        until(leave);
        const auto stopped = report();
        EXPECT_TRUE(WIFSTOPPED(stopped.status));
        EXPECT_TRUE(stopped.plain) << "the terminal stayed raw";
        let_go_on();
        EXPECT_NE(until("DEVICE").find(enter), std::string::npos);
    }
    type('q');
    until(leave);
    const auto ended = report();
    EXPECT_TRUE(WIFEXITED(ended.status));
    EXPECT_EQ(WEXITSTATUS(ended.status), 0);
    EXPECT_TRUE(ended.plain);
}

// Whatever ends top, the terminal is restored.
TEST_F(TopOnATerminal, InterruptedItGivesTheTerminalBack) {
    until("DEVICE");
    type('\x03');
    until(leave);
    EXPECT_TRUE(report().plain);
}

TEST_F(TopOnATerminal, TerminatedItGivesTheTerminalBack) {
    expect_end_by(SIGTERM);
}

TEST_F(TopOnATerminal, QuitItGivesTheTerminalBack) {
    expect_end_by(SIGQUIT);
}

// Signs of trouble are visible on a terminal of the usual width.
TEST_F(TopOnATerminal, ShowsWhatMattersAtEightyColumns) {
    const auto shown = until("WRITES/s");
    const auto from = shown.find("DEVICE");
    const auto line = shown.substr(from, shown.find('\x1b', from) - from);
    EXPECT_LE(line.size(), 80U) << line;
    for (const char* heading : {"SERVERS", "QUEUED", "WAITING", "HELD", "ORPHANED", "ERRORS"})
        EXPECT_NE(line.find(heading), std::string::npos) << line;
}

} // namespace userblk::tests
