// SPDX-License-Identifier: MIT
#include "userblk/ctl/terminal.hpp"

#include "userblk/text/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace userblk::ctl {

namespace {

constexpr const char* enter_screen = "\x1b[?1049h\x1b[?25l"; // other screen, no cursor
constexpr const char* leave_screen = "\x1b[?25h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* clear_line = "\x1b[K";
constexpr const char* clear_rest = "\x1b[J";
constexpr std::size_t standard_rows = 24;
constexpr std::size_t standard_columns = 80;

// Signals received in wait(), the only place where they are unblocked.
volatile std::sig_atomic_t interrupted = 0; // terminate
volatile std::sig_atomic_t stopped = 0;     // by Ctrl-Z
volatile std::sig_atomic_t continued = 0;   // by a shell

void on_signal(int signal) {
    if (signal == SIGTSTP)
        stopped = 1;
    else if (signal == SIGCONT)
        continued = 1;
    else if (signal != SIGWINCH)
        interrupted = 1;
}

constexpr int caught[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};

// Without SA_RESTART, so that signals interrupt the wait.
void set_handler(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(signal, &action, nullptr);
}

// A terminal that fails writes is gone; the next read reports that.
void write_all(std::string_view text) {
    while (!text.empty()) {
        const auto count = ::write(STDOUT_FILENO, text.data(), text.size());
        if (count < 0 && errno != EINTR)
            return;
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }
}

winsize window() {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size;
}

} // namespace

bool Terminal::available() {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

std::size_t Terminal::columns() {
    const auto size = window();
    return size.ws_col > 0 ? size.ws_col : standard_columns;
}

std::size_t Terminal::output_columns() {
    return ::isatty(STDOUT_FILENO) == 1 ? columns() : 0;
}

Terminal::Terminal() {
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (const int signal : caught) {
        ::sigaddset(&blocked, signal);
        set_handler(signal, on_signal);
    }
    ::sigprocmask(SIG_BLOCK, &blocked, &mask_);
    ::tcgetattr(STDIN_FILENO, &before_);
    enter();
}

Terminal::~Terminal() {
    leave();
}

void Terminal::enter() const {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    write_all(enter_screen);
}

void Terminal::leave() const {
    write_all(leave_screen);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

// Stops this process, as Ctrl-Z does by default; returns when it continues.
void Terminal::suspend() const {
    leave();
    set_handler(SIGTSTP, SIG_DFL);
    ::raise(SIGTSTP); // blocked here
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, SIGTSTP);
    ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
    ::sigprocmask(SIG_BLOCK, &only, nullptr);
    set_handler(SIGTSTP, on_signal);
}

void Terminal::show(const std::string& text) const {
    const auto size = window();
    const std::size_t rows = size.ws_row > 0 ? size.ws_row : standard_rows;
    std::string screen = home;
    std::istringstream lines(text);
    std::string line;
    for (std::size_t row = 0; row < rows && std::getline(lines, line); ++row) {
        screen += row == 0 ? "" : "\r\n";
        screen += first_columns(line, columns());
        screen += clear_line;
    }
    write_all(screen + clear_rest);
}

Terminal::Input Terminal::wait(std::chrono::nanoseconds limit) const {
    const auto left = std::max(limit, std::chrono::nanoseconds(0)).count();
    const timespec time{static_cast<time_t>(left / 1'000'000'000),
                        static_cast<long>(left % 1'000'000'000)};
    pollfd entry{STDIN_FILENO, POLLIN, 0};
    const int ready = ::ppoll(&entry, 1, &time, &mask_);
    if (interrupted != 0)
        return {Event::interrupted};
    if (stopped != 0 || continued != 0) {
        if (stopped != 0)
            suspend();
        // The shell may have changed the terminal settings meanwhile.
        stopped = 0;
        continued = 0;
        enter();
        return {Event::resized};
    }
    if (ready < 0)
        return {Event::resized};
    if (ready == 0)
        return {Event::time};
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1)
        return {Event::interrupted}; // the terminal is gone
    return {Event::key, key};
}

} // namespace userblk::ctl
