// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_process.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/device.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/store/store_lock.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {

namespace {

// First byte of a message: from the child, and to it.
constexpr char ready_word = 'R';
constexpr char failed_word = 'F';
constexpr char end_word = 'E';   // with its exit status behind it
constexpr char asked_word = 'A'; // somebody else has sent the stop signal
constexpr char go_word = 'G';

constexpr int stop_signal = SIGTERM;

void send_message(const abi::FileDescriptor& channel, char word, const std::string& text) noexcept {
    std::array<char, 2048> message{};
    message[0] = word;
    const auto length = text.copy(message.data() + 1, message.size() - 1);
    [[maybe_unused]] const auto sent =
        ::send(channel.get(), message.data(), length + 1, MSG_NOSIGNAL);
}

// The word to go, and which place is the worker's. A supervisor of an earlier build
// sends the word alone.
struct GoMessage {
    char word = go_word;
    std::uint32_t place = 0;
};

// Without it nobody needs this process any more.
std::optional<unsigned> wait_for_go(const abi::FileDescriptor& channel) noexcept {
    GoMessage message{};
    message.word = 0;
    ssize_t length = 0;
    do
        length = ::recv(channel.get(), &message, sizeof(message), 0);
    while (length < 0 && errno == EINTR);
    if (length < 1 || message.word != go_word)
        return std::nullopt;
    return message.place;
}

// The terminal sends SIGINT and SIGHUP to the supervisor as well, which knows
// what is to be done.
void set_signals() {
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(stop_signal, SIG_DFL); // it holds nothing yet
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// There is one in a worker process. A signal that comes later finds nothing to be done.
//
// What is sent to all processes at once (kill(1) with a process group, timeout(1)) reaches the
// supervisor as well, and it decides: it may have to have the device served until that is removed.
// So a signal of somebody else is only passed on to it, as long as it is there to hear of it.
class StopOnSignal {
public:
    StopOnSignal(Worker& worker, pid_t supervisor, int channel) {
        the_ = {&worker, supervisor, channel};
        struct sigaction action {};
        action.sa_sigaction = on_signal;
        // A store knows nothing of it; waits for requests end.
        action.sa_flags = SA_RESTART | SA_SIGINFO;
        ::sigaction(stop_signal, &action, nullptr);
    }
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;
    ~StopOnSignal() { ::signal(stop_signal, SIG_IGN); }

private:
    struct Parties {
        Worker* worker;
        pid_t supervisor;
        int channel;
    };

    static void on_signal(int, siginfo_t* info, void*) {
        const int saved = errno;
        if (info->si_pid == the_.supervisor || !pass_on())
            the_.worker->stop();
        errno = saved;
    }
    static bool pass_on() {
        return ::send(the_.channel, &asked_word, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
    }

    static inline Parties the_{};
};

// A spare one must not have to ask for memory when it is its turn: there may be none.
std::error_code locked(Worker& worker) noexcept {
    if (const auto error = lock_memory())
        return error;
    return worker.preload();
}

// Before the store is made, which may have threads. Not to be so costs time only.
void be_batch(const WorkerSetup& setup) {
    const auto error =
        setup.scheduling == Scheduling::batch ? schedule_as_batch() : std::error_code();
    if (error)
        write_log(setup.options.log, LogLevel::warning,
                  "unable to use the scheduling policy SCHED_BATCH: " + error.message());
}

// When the store is ready: to prepare it takes long, and is nothing to displace others for.
void be_fifo(const WorkerSetup& setup) {
    if (setup.scheduling != Scheduling::fifo)
        return;
    if (const auto error = schedule_as_fifo())
        throw std::system_error(error,
                                "unable to use the scheduling policy SCHED_FIFO, which takes "
                                "CAP_SYS_NICE or a limit for it (RLIMIT_RTPRIO) of 1 or more");
}

// Its identity and its names, for the supervisor.
std::string store_text(const std::vector<StoreFile>& files) {
    return store_identity(files) + '\0' + store_names(files);
}

// The supervisor's device, and no other that has its number by now. Opened once: all
// that is known of it comes from this.
abi::ControlNode open_node(const WorkerSetup& setup) {
    abi::ControlNode node(setup.number);
    if (setup.diskseq != 0 && Device::context_of(node).diskseq != setup.diskseq)
        throw std::runtime_error(abi::disk_name(setup.number) +
                                 " was removed, and another device has its number now");
    return node;
}

// What has the name of the store may be another file by now, without the data of the first.
void check_store(const WorkerSetup& setup, const std::vector<StoreFile>& files) {
    if (!setup.identity.empty() && store_identity(files) != setup.identity)
        throw std::runtime_error(store_names(files) + " is not what " +
                                 abi::disk_name(setup.number) +
                                 " was served with so far, but another file (that one was removed "
                                 "or replaced); put that one back, or reload to go over to this "
                                 "one");
}

int serve(const WorkerSetup& setup, const abi::FileDescriptor& channel) {
    const pid_t supervisor = ::getppid();
    std::optional<Worker> worker;
    std::string store;
    try {
        be_batch(setup);
        auto node = open_node(setup);
        const auto backend = setup.factory(Device::context_of(node));
        check_store(setup, backend->store_files());
        store = store_text(backend->store_files());
        worker.emplace(std::move(node), backend, setup.options);
        if (setup.claims_late)
            worker->claim_store();
        else
            worker->claim();
        if (setup.lock_memory)
            if (const auto error = locked(*worker))
                write_log(setup.options.log, LogLevel::warning,
                          "unable to lock memory: " + error.message());
        be_fifo(setup);
        if (setup.run_as)
            drop_privileges(*setup.run_as);
    } catch (const std::exception& exception) {
        send_message(channel, failed_word, exception.what());
        return worker_failed;
    }
    send_message(channel, ready_word, store);
    const auto place = wait_for_go(channel);
    if (!place)
        return worker_stopped;
    worker->take_place(*place);
    forgo_restartable_sequences(); // not to do so costs time only
    const StopOnSignal stop(*worker, supervisor, channel.get());
    return worker->run() == WorkerEnd::removed ? worker_removed : worker_stopped;
}

} // namespace

void be_worker(const WorkerSetup& setup, abi::FileDescriptor channel) noexcept {
    int status = worker_failed;
    try {
        const auto name = "userblk-w" + std::to_string(setup.number);
        ::prctl(PR_SET_NAME, name.c_str());
        set_signals();
        status = serve(setup, channel);
    } catch (const std::exception& exception) {
        try {
            write_log(setup.options.log, LogLevel::error,
                      std::string("worker: ") + exception.what());
        } catch (...) {
        }
    } catch (...) {
    }
    send_message(channel, end_word, std::string(1, static_cast<char>(status)));
    // Nothing that the supervisor has registered for its own end may run here.
    ::_exit(status);
}

WorkerProcess::WorkerProcess(pid_t pid, abi::FileDescriptor channel, State initial,
                             unsigned of_generation)
    : state(initial), generation(of_generation), since(Clock::now()), pid_(pid),
      pidfd_(open_pidfd(pid)), channel_(std::move(channel)), had_channel_(bool(channel_)) {
    if (!pidfd_)
        abi::throw_errno("watch process " + std::to_string(pid));
}

std::optional<WorkerMessage> WorkerProcess::receive() {
    std::array<char, 2048> message{};
    for (;;) {
        const auto length = ::recv(channel_.get(), message.data(), message.size(), MSG_DONTWAIT);
        if (length < 0)
            return std::nullopt;
        if (length == 0) { // it has ended; its pidfd tells the rest
            channel_.reset();
            return std::nullopt;
        }
        if (message[0] == end_word)
            told_end_ = message[1];
        else if (message[0] == asked_word)
            asked_to_end_ = true;
        else
            return WorkerMessage{
                message[0] == ready_word,
                std::string(message.data() + 1, static_cast<std::size_t>(length) - 1)};
    }
}

void WorkerProcess::go(unsigned place) noexcept {
    state = State::serving;
    since = Clock::now();
    const GoMessage message{go_word, place};
    [[maybe_unused]] const auto sent =
        ::send(channel_.get(), &message, sizeof(message), MSG_NOSIGNAL);
}

void WorkerProcess::stop() noexcept {
    if (state != State::draining)
        since = Clock::now();
    state = State::draining;
    signal_pidfd(pidfd_.get(), stop_signal);
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

// One that another program has started, which this one has replaced, has nobody to tell.
bool WorkerProcess::ended_in_order(int status) const noexcept {
    if (had_channel_)
        return told_end_ && *told_end_ != worker_failed;
    return WIFEXITED(status) && WEXITSTATUS(status) == worker_stopped;
}

std::string WorkerProcess::describe_end(int status) const {
    const bool unexpected = WIFEXITED(status) && had_channel_ && !told_end_;
    return describe_exit(status) + (unexpected ? ", by a call of exit() in its backend" : "");
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
