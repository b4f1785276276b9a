// SPDX-License-Identifier: MIT
#include "userblk/ctl/terminal.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <poll.h>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace userblk::ctl {

namespace {

constexpr const char* enter = "\x1b[?1049h\x1b[?25l"; // other screen, no cursor
constexpr const char* leave = "\x1b[?25h\x1b[?1049l";
constexpr const char* home = "\x1b[H";
constexpr const char* clear_line = "\x1b[K";
constexpr const char* clear_rest = "\x1b[J";

volatile std::sig_atomic_t interrupted = 0;

void on_signal(int signal) {
    if (signal != SIGWINCH)
        interrupted = 1;
}

// Without SA_RESTART, so that waiting ends.
void catch_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH})
        ::sigaction(signal, &action, nullptr);
}

} // namespace

bool Terminal::available() {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
}

Terminal::Terminal() {
    catch_signals();
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    std::cout << enter << std::flush;
}

Terminal::~Terminal() {
    std::cout << leave << std::flush;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void Terminal::show(const std::string& text) const {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const std::size_t rows = size.ws_row > 0 ? size.ws_row : 24;
    const std::size_t columns = size.ws_col > 0 ? size.ws_col : 80;
    std::string screen = home;
    std::istringstream lines(text);
    std::string line;
    for (std::size_t row = 0; row < rows && std::getline(lines, line); ++row)
        screen += (row == 0 ? "" : "\r\n") + line.substr(0, columns) + clear_line;
    std::cout << screen << clear_rest << std::flush;
}

Terminal::Input Terminal::wait(std::chrono::nanoseconds limit) const {
    const auto left = std::max(limit, std::chrono::nanoseconds(0)).count();
    const timespec time{static_cast<time_t>(left / 1'000'000'000),
                        static_cast<long>(left % 1'000'000'000)};
    pollfd entry{STDIN_FILENO, POLLIN, 0};
    const int ready = interrupted != 0 ? -1 : ::ppoll(&entry, 1, &time, nullptr);
    if (interrupted != 0)
        return {Event::interrupted};
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
