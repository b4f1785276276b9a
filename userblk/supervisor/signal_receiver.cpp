// SPDX-License-Identifier: MIT
#include "userblk/supervisor/signal_receiver.hpp"

#include "ioctl/error.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

namespace userblk {

namespace {

using namespace std::chrono_literals;

constexpr int handled_signals[] = {SIGTERM, SIGINT, SIGHUP};
/// Signals from one sender within this time are one request.
constexpr auto repetition_limit = 1s;

sigset_t handled_set() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : handled_signals)
        ::sigaddset(&set, signal);
    return set;
}

} // namespace

SignalReceiver::~SignalReceiver() {
    if (mask_before_)
        ::pthread_sigmask(SIG_SETMASK, &*mask_before_, nullptr);
}

void SignalReceiver::start() {
    const auto set = handled_set();
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    mask_before_ = before;
    ::signal(SIGCHLD, SIG_DFL); // ignored children cannot be waited for
    fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_)
        abi::throw_errno("receive signals");
}

void SignalReceiver::unblock_at_end() noexcept {
    for (const int signal : handled_signals)
        ::sigdelset(&*mask_before_, signal);
}

// To the calling thread: it alone is known to block the signal, and to live on.
void SignalReceiver::leave_stop_request() noexcept {
    ::raise(SIGTERM);
}

void SignalReceiver::withdraw_stop_request() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    const timespec at_once{};
    ::sigtimedwait(&set, nullptr, &at_once);
}

std::optional<SignalReceiver::Request> SignalReceiver::next() noexcept {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            return Request::reload;
        if (!repeats_last(static_cast<pid_t>(info.ssi_pid)))
            return Request::stop;
    }
    return std::nullopt;
}

// timeout(1) signals us, and then our process group. A terminal has no pid.
bool SignalReceiver::repeats_last(pid_t sender) noexcept {
    const auto now = Clock::now();
    if (sender != 0 && sender == last_sender_ && now < last_time_ + repetition_limit)
        return true;
    last_sender_ = sender;
    last_time_ = now;
    return false;
}

} // namespace userblk
