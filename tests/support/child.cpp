// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "eventually.hpp"
#include "process.hpp"

namespace userblk::test {

namespace {

void send(int fd, std::uint64_t value) {
    if (::write(fd, &value, sizeof(value)) != sizeof(value))
        std::perror("unable to tell the other process");
}

bool receive(int fd, std::uint64_t& value) {
    pollfd entry{fd, POLLIN, 0};
    const auto limit = static_cast<int>(2 * patience.count());
    return poll(&entry, 1, limit) == 1 && ::read(fd, &value, sizeof(value)) == sizeof(value);
}

struct Pipe {
    Pipe() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC))
            throw_errno("unable to make a pipe");
        in = Fd(ends[0]);
        out = Fd(ends[1]);
    }
    Fd in, out;
};

[[noreturn]] void run(const Child::Body& body, int in, int out) {
    int status = 99;
    try {
        ChildSide side(in, out);
        status = body(side);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "child: %s\n", error.what());
    }
    std::fflush(nullptr);
    _exit(status);
}

} // namespace

void ChildSide::tell(std::uint64_t value) {
    send(out_, value);
}

std::uint64_t ChildSide::await() {
    std::uint64_t value = 0;
    if (!receive(in_, value))
        _exit(98);
    return value;
}

void ChildSide::sleep_for_ever() {
    for (;;)
        pause();
}

Child::Child(const Body& body) {
    Pipe to_child, to_parent;
    const pid_t parent = getpid();
    std::fflush(nullptr);
    pid_ = fork();
    if (pid_ < 0)
        throw_errno("unable to fork");
    if (!pid_) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(97);
        to_child.out.reset();
        to_parent.in.reset();
        run(body, to_child.in.get(), to_parent.out.get());
    }
    in_ = std::move(to_parent.in);
    out_ = std::move(to_child.out);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), in_(std::move(other.in_)), out_(std::move(other.out_)) {}

Child& Child::operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(in_, other.in_);
    std::swap(out_, other.out_);
    return *this;
}

Child::~Child() {
    kill();
}

void Child::tell(std::uint64_t value) {
    send(out_.get(), value);
}

std::uint64_t Child::await() {
    std::uint64_t value = 0;
    EXPECT_TRUE(receive(in_.get(), value)) << "the child says nothing";
    return value;
}

void Child::signal(int number) {
    if (pid_ > 0)
        ::kill(pid_, number);
}

void Child::stop() {
    signal(SIGSTOP);
    EXPECT_TRUE(eventually_in_state(pid_, 'T'));
}

void Child::resume() {
    signal(SIGCONT);
}

void Child::kill() {
    if (pid_ < 0)
        return;
    signal(SIGKILL);
    wait();
}

int Child::wait() {
    int status = 0;
    if (pid_ < 0)
        return -1;
    const bool ended = eventually([&] { return waitpid(pid_, &status, WNOHANG) != 0; });
    EXPECT_TRUE(ended) << "child " << pid_ << " does not end";
    pid_ = -1;
    if (!ended)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Child::becomes_zombie() {
    return eventually([this] {
        siginfo_t information{};
        return waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOWAIT | WNOHANG) ==
                   0 &&
               information.si_pid == pid_;
    });
}

} // namespace userblk::test
