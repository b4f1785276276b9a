// SPDX-License-Identifier: MIT
#include "userblk/supervisor/worker_main.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/device.hpp"
#include "userblk/os/worker_name.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor/worker_channel.hpp"

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace userblk {

namespace {

void send_message(const abi::FileDescriptor& channel, WorkerMessageKind kind,
                  const std::string& text) noexcept {
    std::array<char, longest_worker_message> message{};
    message[0] = kind;
    const auto length = text.copy(message.data() + 1, message.size() - 1);
    [[maybe_unused]] const auto sent =
        ::send(channel.get(), message.data(), length + 1, MSG_NOSIGNAL);
}

// Returns the worker's place; nothing if the supervisor has exited, and this process is not needed.
std::optional<unsigned> wait_for_place(const abi::FileDescriptor& channel) noexcept {
    GoMessage message{};
    message.kind = 0;
    ssize_t length = 0;
    do
        length = ::recv(channel.get(), &message, sizeof(message), 0);
    while (length < 0 && errno == EINTR);
    if (length < 1 || message.kind != message_go)
        return std::nullopt;
    return message.place;
}

// A terminal sends SIGINT and SIGHUP to the supervisor, too, which decides what to do.
void set_up_signals() {
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(worker_stop_signal, SIG_DFL); // it holds no requests yet
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// At most one exists in a worker process. A signal that comes after its end is ignored.
//
// A signal to all processes at once (kill(1) with a process group, timeout(1)) reaches the
// supervisor, too. The supervisor decides: it may have to keep the device served until it has
// removed it. So as long as the supervisor lives, the worker forwards signals from other processes.
class StopOnSignal {
public:
    StopOnSignal(Worker& worker, pid_t supervisor, int channel) {
        context_ = {&worker, supervisor, channel};
        struct sigaction action {};
        action.sa_sigaction = on_signal;
        // System calls of a store are restarted; waits for requests end.
        action.sa_flags = SA_RESTART | SA_SIGINFO;
        ::sigaction(worker_stop_signal, &action, nullptr);
    }
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;
    ~StopOnSignal() { ::signal(worker_stop_signal, SIG_IGN); }

private:
    struct Context {
        Worker* worker;
        pid_t supervisor;
        int channel;
    };

    static void on_signal(int, siginfo_t* info, void*) {
        const int saved = errno;
        // The other end of a dead supervisor's channel stays open for a moment in a worker that it
        // has just forked: what is sent there is lost.
        const bool alone = ::getppid() != context_.supervisor;
        if (info->si_pid == context_.supervisor || alone || !forward())
            context_.worker->stop();
        errno = saved;
    }
    static bool forward() {
        constexpr char message = message_sigterm_received;
        return ::send(context_.channel, &message, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
    }

    static inline Context context_{};
};

// A spare worker must not need memory when it starts to serve: there may be none left.
void lock_worker_memory(const WorkerSetup& setup, Worker& worker) {
    if (!setup.lock_memory)
        return;
    auto error = lock_memory();
    if (!error)
        error = worker.preload();
    if (error)
        write_log(setup.options.log, LogLevel::warning,
                  "unable to lock memory: " + error.message());
}

// Called before the store is opened, which may start threads. Failure only costs speed.
void use_batch_scheduling(const WorkerSetup& setup) {
    const auto error =
        setup.scheduling == Scheduling::batch ? schedule_as_batch() : std::error_code();
    if (error)
        write_log(setup.options.log, LogLevel::warning,
                  "unable to use the scheduling policy SCHED_BATCH: " + error.message());
}

// Called when the store is open: opening takes long, and must not displace other processes.
void use_fifo_scheduling(const WorkerSetup& setup) {
    if (setup.scheduling != Scheduling::fifo)
        return;
    if (const auto error = schedule_as_fifo())
        throw std::system_error(error,
                                "unable to use the scheduling policy SCHED_FIFO, which requires "
                                "CAP_SYS_NICE or an RLIMIT_RTPRIO of 1 or more");
}

// Opened once: everything the worker knows about its device comes from this descriptor. Refuses
// another device that has reused the number.
abi::ControlNode open_node(const WorkerSetup& setup) {
    abi::ControlNode node(setup.number);
    if (setup.diskseq != 0 && Device::context_of(node).diskseq != setup.diskseq)
        throw std::runtime_error(abi::disk_name(setup.number) +
                                 " was removed, and another device has reused its number");
    return node;
}

// The store's name may lead to another file by now, without the data of the first.
void check_store(const WorkerSetup& setup, const std::vector<StoreFile>& files) {
    if (!setup.identity.empty() && store_identity(files) != setup.identity)
        throw std::runtime_error(store_names(files) + " is not the file that " +
                                 abi::disk_name(setup.number) +
                                 " was served from, which was removed or replaced; restore that "
                                 "file, or reload to switch to this one");
}

struct PreparedWorker {
    std::unique_ptr<Worker> worker;
    std::string store; ///< identity and names, for the supervisor
};

PreparedWorker prepare(const WorkerSetup& setup) {
    use_batch_scheduling(setup);
    auto node = open_node(setup);
    auto worker = std::make_unique<Worker>(std::move(node), setup.factory, setup.options);
    const auto files = worker->store().store_files();
    check_store(setup, files);
    if (setup.claims_late)
        worker->claim_store();
    else
        worker->claim();
    lock_worker_memory(setup, *worker);
    use_fifo_scheduling(setup);
    if (setup.run_as)
        drop_privileges(*setup.run_as);
    return {std::move(worker), store_identity(files) + '\0' + store_names(files)};
}

int serve(const WorkerSetup& setup, const abi::FileDescriptor& channel) {
    const pid_t supervisor = ::getppid();
    PreparedWorker prepared;
    try {
        prepared = prepare(setup);
    } catch (const std::exception& exception) {
        send_message(channel, message_failed, exception.what());
        return worker_failed;
    }
    send_message(channel, message_ready, prepared.store);
    const auto place = wait_for_place(channel);
    if (!place)
        return worker_stopped;
    auto& worker = *prepared.worker;
    worker.take_place(*place);
    forgo_restartable_sequences(); // failure only costs speed
    const StopOnSignal stop(worker, supervisor, channel.get());
    return worker.run() == WorkerEnd::removed ? worker_removed : worker_stopped;
}

void log_failure(const WorkerSetup& setup, const std::exception& exception) noexcept {
    try {
        write_log(setup.options.log, LogLevel::error, std::string("worker: ") + exception.what());
    } catch (...) {
        // Not enough memory to report it.
    }
}

} // namespace

void run_worker_process(const WorkerSetup& setup, abi::FileDescriptor channel) noexcept {
    int status = worker_failed;
    try {
        ::prctl(PR_SET_NAME, worker_name(setup.program, setup.number).c_str());
        set_up_signals();
        status = serve(setup, channel);
    } catch (const std::exception& exception) {
        log_failure(setup, exception);
    } catch (...) {
        // Reported by its status.
    }
    send_message(channel, message_ended, std::string(1, static_cast<char>(status)));
    // exit() would run the exit handlers of the supervisor.
    ::_exit(status);
}

} // namespace userblk
