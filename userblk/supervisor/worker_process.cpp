// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_process.hpp"

#include "ioctl/error.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/supervisor/worker_channel.hpp"

#include <array>
#include <cstring>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {

std::unique_ptr<WorkerProcess> WorkerProcess::start(const WorkerSetup& setup, unsigned generation,
                                                    const std::function<void()>& close_inherited) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        abi::throw_errno("make a socket");
    abi::FileDescriptor ours(ends[0]), theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0)
        abi::throw_errno("fork");
    if (pid == 0) {
        ours.reset();
        close_inherited();
        run_worker_process(setup, std::move(theirs));
    }
    try {
        return std::make_unique<WorkerProcess>(pid, std::move(ours), State::starting, generation);
    } catch (...) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        throw;
    }
}

WorkerProcess::WorkerProcess(pid_t pid, abi::FileDescriptor channel, State initial,
                             unsigned of_generation)
    : state(initial), generation(of_generation), since(Clock::now()), pid_(pid),
      pidfd_(open_pidfd(pid)), channel_(std::move(channel)), had_channel_(bool(channel_)) {
    if (!pidfd_)
        abi::throw_errno("watch process " + std::to_string(pid));
}

std::optional<WorkerMessage> WorkerProcess::receive() {
    std::array<char, longest_worker_message> message{};
    for (;;) {
        const auto length = ::recv(channel_.get(), message.data(), message.size(), MSG_DONTWAIT);
        if (length < 0)
            return std::nullopt;
        if (length == 0) { // it has exited; its pidfd reports that, too
            channel_.reset();
            return std::nullopt;
        }
        if (message[0] == message_ended)
            reported_status_ = message[1];
        else if (message[0] == message_sigterm_received)
            sigterm_received_ = true;
        else
            return WorkerMessage{
                message[0] == message_ready,
                std::string(message.data() + 1, static_cast<std::size_t>(length) - 1)};
    }
}

void WorkerProcess::go(unsigned place) noexcept {
    state = State::serving;
    since = Clock::now();
    const GoMessage message{message_go, place};
    [[maybe_unused]] const auto sent =
        ::send(channel_.get(), &message, sizeof(message), MSG_NOSIGNAL);
}

void WorkerProcess::stop() noexcept {
    if (state != State::draining)
        since = Clock::now();
    state = State::draining;
    signal_pidfd(pidfd_.get(), worker_stop_signal);
}

void WorkerProcess::kill() noexcept {
    signal_pidfd(pidfd_.get(), SIGKILL);
}

std::optional<int> WorkerProcess::reap() noexcept {
    int status = 0;
    const pid_t result = ::waitpid(pid_, &status, WNOHANG);
    if (result == pid_)
        return status;
    if (result < 0 && errno == ECHILD)
        return unknown_status;
    return std::nullopt;
}

// A worker that the previous program started has no channel to report on.
bool WorkerProcess::ended_in_order(int status) const noexcept {
    if (had_channel_)
        return reported_status_ && *reported_status_ != worker_failed;
    return WIFEXITED(status) && WEXITSTATUS(status) == worker_stopped;
}

std::string WorkerProcess::describe_end(int status) const {
    const bool unexpected = WIFEXITED(status) && had_channel_ && !reported_status_;
    return describe_exit(status) + (unexpected ? ", because its backend called exit()" : "");
}

std::string describe_exit(int status) {
    if (WIFEXITED(status))
        return "exited with status " + std::to_string(WEXITSTATUS(status));
    if (!WIFSIGNALED(status))
        return "ended";
    const int signal = WTERMSIG(status);
    const char* const name = ::sigdescr_np(signal);
    return "was killed by signal " + std::to_string(signal) + " (" +
           (name != nullptr ? name : "unknown") + ")";
}

} // namespace userblk
