// SPDX-License-Identifier: MIT
#include "userblk/supervisor/start_check.hpp"

#include "ioctl/error.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/supervisor/worker_process.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr std::size_t longest_text = 64 << 10;

[[noreturn]] void be_check(const std::vector<std::string>& program, const ReexecState& handover,
                           int output) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // its answer is for us alone
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    const auto error = execute(program, handover);
    ::dprintf(STDERR_FILENO, "unable to execute %s: %s\n", program.front().c_str(),
              std::strerror(error.value()));
    ::_exit(127);
}

} // namespace

StartCheck::StartCheck(const std::vector<std::string>& program, const ReexecState& handover) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        abi::throw_errno("make a pipe");
    output_.reset(ends[0]);
    const abi::FileDescriptor theirs(ends[1]);
    pid_ = ::fork();
    if (pid_ < 0)
        abi::throw_errno("start a process");
    if (pid_ == 0)
        be_check(program, handover, theirs.get());
    pidfd_ = open_pidfd(pid_);
}

StartCheck::~StartCheck() {
    if (over_)
        return;
    ::kill(pid_, SIGKILL);
    // One that is stuck in the kernel is left to whoever reaps us.
    for (int tries = 0; tries < 100 && ::waitpid(pid_, nullptr, WNOHANG) == 0; ++tries)
        ::usleep(10'000);
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
    const auto ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0)
        return std::nullopt;
    over_ = true;
    if (output_)
        read_output();
    return ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "" : reason(status);
}

// Its last words, without its name before them and the advice behind.
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
