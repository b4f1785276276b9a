// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/background.hpp"

#include "ioctl/error.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk::ctl {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr char ready_kind = 'R';
constexpr std::size_t longest_message = 4096;

void leave_terminal() {
    ::setsid();
    if (::chdir("/") < 0)
        abi::throw_errno("change the directory to /");
    const auto null = abi::FileDescriptor::open("/dev/null", O_RDWR);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        ::dup2(null.get(), fd);
}

} // namespace

void Reporter::send(char kind, const std::string& text) noexcept {
    try {
        const auto message = kind + text.substr(0, longest_message - 1);
        if (channel_)
            ::send(channel_.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    } catch (...) {
        // Without memory there is no report.
    }
}

void Reporter::message(LogLevel level, const std::string& text) noexcept {
    send(static_cast<char>('0' + static_cast<int>(level)), text);
}

void Reporter::ready() noexcept {
    send(ready_kind, "");
    channel_.reset();
}

Background::Background(const std::function<int(Reporter&)>& work) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        abi::throw_errno("create a socket");
    channel_.reset(ends[0]);
    abi::FileDescriptor theirs(ends[1]);
    std::cout.flush();
    pid_ = ::fork();
    if (pid_ < 0)
        abi::throw_errno("start a process");
    if (pid_ > 0) {
        pidfd_ = open_pidfd(pid_);
        return;
    }
    channel_.reset();
    Reporter reporter(std::move(theirs));
    try {
        leave_terminal();
        ::_exit(work(reporter));
    } catch (const std::exception& error) {
        reporter.message(LogLevel::error, cli::explain(error));
    } catch (...) {
        reporter.message(LogLevel::error, "failed");
    }
    ::_exit(exit_failure);
}

// Returns false if there is none.
bool Background::take_message() {
    std::array<char, longest_message> buffer;
    const auto size = ::recv(channel_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0)
        return false;
    const auto level = static_cast<LogLevel>(buffer[0] - '0');
    if (buffer[0] == ready_kind)
        ready_ = true;
    else if (level <= LogLevel::warning)
        cli::complain(program_name,
                      (level == LogLevel::warning ? "warning: " : "") +
                          std::string(&buffer[1], static_cast<std::size_t>(size - 1)));
    return true;
}

bool Background::wait_ready(std::chrono::nanoseconds limit) {
    const auto start = Clock::now();
    while (!ready_) {
        pollfd entries[] = {{channel_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
        const auto spent = Clock::now() - start;
        if (limit != infinity && spent >= limit)
            return false;
        const auto left = limit == infinity ? std::chrono::nanoseconds(1h) : limit - spent;
        const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left);
        ::poll(entries, 2, static_cast<int>(std::min<std::chrono::milliseconds>(ms, 1h).count()));
        const bool ended = entries[1].revents != 0; // check before reading its last messages
        while (take_message()) {
        }
        if (ended && !ready_)
            throw Failure("the background process exited before the device was served; see its "
                          "log");
    }
    return true;
}

bool Background::wait_end(std::chrono::milliseconds limit) noexcept {
    pollfd entry{pidfd_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(limit.count())) <= 0)
        return false;
    ::waitpid(pid_, nullptr, 0);
    return true;
}

void Background::stop() noexcept {
    // The second signal stops it without waiting for its workers.
    for (const int signal : {SIGTERM, SIGTERM, SIGKILL}) {
        ::kill(pid_, signal);
        if (wait_end(5s))
            return;
    }
}

} // namespace userblk::ctl
