// SPDX-License-Identifier: MIT
#include "userblk/supervisor/start_check.hpp"

#include "ioctl/error.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/supervisor/worker_process.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace userblk {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t longest_text = 64 << 10;

[[noreturn]] void run_check(const std::vector<std::string>& program, const ReexecState& state,
                            int output) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // nobody else needs the result
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    const auto error = execute(program, state);
    ::dprintf(STDERR_FILENO, "unable to execute %s: %s\n", program.front().c_str(),
              std::strerror(error.value()));
    ::_exit(127);
}

} // namespace

StartCheck::StartCheck(const std::vector<std::string>& program, const ReexecState& state) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        abi::throw_errno("create a pipe");
    output_.reset(ends[0]);
    const abi::FileDescriptor theirs(ends[1]);
    pid_ = ::fork();
    if (pid_ < 0)
        abi::throw_errno("start a process");
    if (pid_ == 0)
        run_check(program, state, theirs.get());
    pidfd_ = open_pidfd(pid_);
}

StartCheck::~StartCheck() {
    if (ended_)
        return;
    ::kill(pid_, SIGKILL);
    // Leaves a process that is stuck in the kernel to the process that inherits it.
    for (int tries = 0; tries < 100 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++tries)
        std::this_thread::sleep_for(10ms);
}

void StartCheck::read_output() {
    std::array<char, 4096> buffer;
    for (;;) {
        const auto size = ::read(output_.get(), buffer.data(), buffer.size());
        if (size < 0)
            return;
        if (size == 0)
            return output_.reset();
        if (text_.size() < longest_text)
            text_.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

std::optional<std::string> StartCheck::result() {
    if (output_)
        read_output();
    int status = 0;
    const auto pid = ::waitpid(pid_, &status, WNOHANG);
    if (pid == 0)
        return std::nullopt;
    ended_ = true;
    if (output_)
        read_output();
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : reason(status);
}

// The last line that it printed, without the program's name and the hint to its help.
std::string StartCheck::reason(int status) const {
    std::istringstream lines(text_);
    std::string last;
    for (std::string line; std::getline(lines, line);)
        if (!line.empty() && !line.starts_with("Try '"))
            last = line;
    for (const std::string name : {"userblkctl serve: ", "userblkctl: ", "error: "})
        if (last.starts_with(name))
            last.erase(0, name.size());
    return last.empty() ? "the new program " + describe_exit(status) : last;
}

} // namespace userblk
