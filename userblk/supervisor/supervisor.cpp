// SPDX-License-Identifier: MIT
#include "userblk/supervisor/supervisor.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/os/poll_set.hpp"
#include "userblk/supervisor/process_settings.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

namespace userblk {

namespace {

using namespace std::chrono_literals;

constexpr const char* start_error = "unable to start a worker: ";

/// How often may_be_ready() is called.
constexpr auto may_be_ready_interval = 50ms;
/// How often the log reports that a worker is still opening its store.
constexpr std::chrono::milliseconds slow_start_interval = 30s;

PoolOptions checked(PoolOptions options) {
    if (options.workers < 1 || options.workers > 1024)
        throw std::invalid_argument("a pool has 1 to 1024 workers");
    return options;
}

std::string name_of(const WorkerProcess& worker) {
    return "worker " + std::to_string(worker.pid());
}

} // namespace

// ----------------------------------------------------------------------- start

Supervisor::Supervisor(std::uint32_t number, StoreFactory factory, PoolOptions options)
    : number_(number), options_(checked(std::move(options))),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), report_(number, options_),
      device_(number, report_), store_name_watch_(options_, device_, report_),
      starter_(number, std::move(factory), options_),
      places_(options_.workers, options_.backoff, report_),
      reload_(options_, places_, starter_, device_, report_, [this] { return is_to_stop(); }),
      shutdown_(number, options_, places_, report_) {
    if (!wake_)
        abi::throw_errno("create an event descriptor");
}

PoolEnd Supervisor::run() {
    device_.open();
    starter_.setup().diskseq = device_.diskseq();
    signals_.start();
    apply_process_settings(options_, report_);
    if (options_.announce) {
        report_.publish(device_.diskseq());
        reload_.listen(*report_.path());
    }
    if (const auto state = ReexecState::received())
        adopt(*state);
    while (!shutdown_.is_finished())
        take_turn();
    if (shutdown_.is_forced())
        device_.put_back_requests_of_dead();
    reload_.stop_listening();
    report_.withdraw(); // the caller may take its time after this
    device_.release_store();
    return shutdown_.result();
}

// A reload has executed this program in the same process: the old workers are still its children.
// If this fails before it forgets the state, Pool::go_back() returns to the previous program.
void Supervisor::adopt(const ReexecState& state) {
    if (state.number != number_) {
        ReexecState::forget();
        return report_.log(LogLevel::warning,
                           "a reload passed the workers of another device; ignoring them");
    }
    for (const auto pid : state.workers)
        places_.adopt(pid, State::serving);
    for (const auto pid : state.draining)
        places_.adopt(pid, State::draining);
    const bool any_serves = places_.fill_with_adopted();
    reported_ready_ = any_serves || state.reload.reverted;
    served_ = reported_ready_ || reload_.is_other_program(state.reload);
    reload_.adopt(state.reload, served_);
    signals_.unblock_at_end();
    ReexecState::forget();
}

// Opens the store in a separate process: a backend can do anything there.
void Supervisor::check() {
    starter_.setup().claims_late = ReexecState::received().has_value();
    const auto worker = starter_.start(places_.generation(), [this] { close_inherited(); });
    pollfd entry{worker->channel(), POLLIN, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    const auto message = worker->receive();
    worker->stop();
    int status = 0;
    ::waitpid(worker->pid(), &status, 0);
    if (!message)
        throw std::runtime_error("a worker " + worker->describe_end(status));
    if (!message->ready)
        throw std::runtime_error(message->text);
}

// For a forked child. PoolOptions::store_fd is the caller's, and stays open.
void Supervisor::close_inherited() noexcept {
    places_.clear();
    device_.close();
    store_name_watch_.close();
    reload_.close_inherited();
    report_.withdraw();
    wake_.reset();
    signals_.close();
}

void Supervisor::request_stop() noexcept {
    stop_requested_ = true;
    ::eventfd_write(wake_.get(), 1);
}

void Supervisor::request_reload() noexcept {
    reload_requested_ = true;
    ::eventfd_write(wake_.get(), 1);
}

// -------------------------------------------------------------- what should be

bool Supervisor::is_to_stop() const noexcept {
    return stop_requested_ || shutdown_.is_requested() || shutdown_.has_begun();
}

void Supervisor::take_turn() {
    turn_ = Clock::now();
    if ((stop_requested_.exchange(false) && shutdown_.request()) || shutdown_.may_begin())
        begin_stop(PoolEnd::stopped);
    // A program executed now would have to stop at once.
    if (shutdown_.is_requested())
        reload_.cancel_check("the supervisor is about to stop");
    if (reload_requested_.exchange(false) && !is_to_stop())
        reload_.begin({});
    if (!shutdown_.has_begun()) {
        start_missing_workers();
        if (!reload_.changes_store())
            places_.fill();
        reload_.advance();
        if (!reload_.changes_store() && !reported_ready_ && places_.all_taken())
            report_ready();
        store_name_watch_.check(Clock::now());
    }
    enforce_limits();
    if (!shutdown_.is_finished())
        wait();
}

void Supervisor::start_missing_workers() {
    const auto spares = shutdown_.is_requested() ? 0 : std::size_t(options_.spares);
    const auto wanted = std::size_t(options_.workers) + spares;
    while (!shutdown_.has_begun() && places_.current_count() < wanted &&
           Clock::now() >= starter_.next_start())
        start_worker();
}

void Supervisor::start_worker() {
    try {
        places_.make_room();
        places_.add(starter_.start(places_.generation(), [this] { close_inherited(); }));
    } catch (const std::exception& exception) {
        on_start_failure(exception.what());
    }
}

void Supervisor::report_ready() {
    if (!served_) {
        // Programs that wait for this must find the disk with its size, even if no worker has asked
        // for requests yet.
        device_.appear();
        report_.log(LogLevel::information, abi::disk_name(number_) + " is served by " +
                                               format_count(places_.count(), "worker"));
    }
    served_ = true;
    if (options_.may_be_ready && !options_.may_be_ready())
        return;
    reported_ready_ = true;
    report_.notify_manager("READY=1");
    if (options_.ready)
        options_.ready();
}

void Supervisor::begin_stop(PoolEnd end) {
    if (shutdown_.has_begun())
        return;
    reload_.cancel(end == PoolEnd::removed ? "the device was removed"
                                           : "the supervisor was stopped");
    shutdown_.begin(end);
}

void Supervisor::enforce_limits() {
    const auto now = Clock::now();
    shutdown_.enforce_limit();
    for (const auto& worker : places_.workers()) {
        if (worker->state == State::starting && now >= after(worker->since, start_limit())) {
            on_slow_start(*worker);
        } else if (worker->state == State::draining && !shutdown_.has_begun() &&
                   now >= after(worker->since, options_.drain_limit)) {
            report_.log(LogLevel::warning,
                        name_of(*worker) + " is still busy with what it has taken");
            worker->since = now;
        }
    }
}

std::chrono::milliseconds Supervisor::start_limit() const noexcept {
    return options_.start_limit.value_or(slow_start_interval);
}

// Without a limit, asks the service manager, which has its own, for more time.
void Supervisor::on_slow_start(WorkerProcess& worker) {
    worker.since = Clock::now();
    if (options_.start_limit) {
        report_.log(LogLevel::error, name_of(worker) + " did not open its store within " +
                                         format_duration(*options_.start_limit) + "; killing it");
        return worker.kill();
    }
    report_.log(LogLevel::notice, name_of(worker) + " is still opening its store");
    const auto more_time = std::chrono::microseconds(2 * slow_start_interval);
    report_.notify_manager("EXTEND_TIMEOUT_USEC=" + std::to_string(more_time.count()));
}

// ---------------------------------------------------------------------- events

Supervisor::Clock::time_point Supervisor::next_deadline() const noexcept {
    // Includes what came due during this turn, which may have missed it.
    const auto now = turn_;
    auto deadline = Clock::time_point::max();
    const auto consider = [&](Clock::time_point time) {
        if (time > now)
            deadline = std::min(deadline, time);
    };
    consider(shutdown_.next_deadline());
    if (!shutdown_.has_begun() && !shutdown_.is_requested())
        consider(store_name_watch_.next_check());
    consider(reload_.next_deadline());
    if (served_ && !reported_ready_)
        consider(now + may_be_ready_interval);
    consider(starter_.next_start());
    consider(places_.next_fill(now));
    for (const auto& worker : places_.workers()) {
        if (worker->state == State::starting)
            consider(after(worker->since, start_limit()));
        if (worker->state == State::draining)
            consider(after(worker->since, options_.drain_limit));
    }
    return deadline;
}

void Supervisor::wait() {
    PollSet poll;
    const auto signals = poll.add(signals_.fd());
    const auto wake = poll.add(wake_.get());
    const auto node = poll.add(device_.fd(), device_.events());
    const auto socket = poll.add(reload_.socket_fd());
    const auto store_name = poll.add(store_name_watch_.lookup_fd());
    const auto check = poll.add(reload_.check_pidfd());
    const auto check_output = poll.add(reload_.check_output());
    std::vector<std::size_t> channels;
    for (const auto& worker : places_.workers()) {
        channels.push_back(poll.add(worker->channel()));
        poll.add(worker->pidfd());
    }
    if (!poll.wait_until(next_deadline()))
        return;
    if (poll.ready(signals) != 0)
        on_signals();
    if (poll.ready(wake) != 0) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_.get(), &ignored);
    }
    for (std::size_t i = 0; i < channels.size(); ++i)
        if (poll.ready(channels[i]) != 0)
            on_messages(*places_.workers()[i]);
    // Before the node's events, which put back the requests of dead workers: until then the log can
    // name these requests.
    reap();
    if (poll.ready(node) != 0)
        on_node(poll.ready(node));
    if (poll.ready(store_name) != 0)
        store_name_watch_.on_lookup();
    if (poll.ready(socket) != 0)
        reload_.on_client();
    else if (poll.ready(check) != 0 || poll.ready(check_output) != 0)
        reload_.on_check();
}

void Supervisor::on_signals() {
    while (const auto request = signals_.next()) {
        if (*request == SignalReceiver::Request::reload)
            reload_requested_ = true;
        else if (shutdown_.has_begun())
            shutdown_.force(" after a second signal");
        else if (shutdown_.request())
            begin_stop(PoolEnd::stopped);
    }
}

void Supervisor::on_node(short revents) {
    if (!abi::node_events(revents).removed)
        return device_.put_back_requests_of_dead();
    device_.set_removal_handled();
    begin_stop(PoolEnd::removed);
}

// Failures after the removal of the device do not count as failures. @returns whether it was
// removed
bool Supervisor::handle_removal() {
    if (!device_.is_removed())
        return false;
    device_.set_removal_handled();
    begin_stop(PoolEnd::removed);
    return true;
}

void Supervisor::on_messages(WorkerProcess& worker) {
    while (const auto message = worker.receive()) {
        if (worker.state != State::starting)
            continue;
        if (message->ready)
            on_ready(worker, message->text);
        else
            on_refusal(worker, message->text);
    }
    if (worker.sigterm_received())
        on_sigterm_of_worker(worker);
}

// The worker has opened the store, unlike the supervisor: its message identifies it.
void Supervisor::on_ready(WorkerProcess& worker, const std::string& store) {
    worker.state = State::ready;
    if (!reload_.is_active() && report_.record().error.starts_with(start_error))
        report_.set_error("");
    const auto end = store.find('\0');
    if (end == std::string::npos)
        return;
    const auto identity = store.substr(0, end);
    const bool is_known = identity == report_.record().identity;
    starter_.setup().identity = identity;
    report_.set_identity(identity);
    reload_.reserve_device();
    if (!is_known)
        report_.set_default_store(store.substr(end + 1));
}

// The worker has reported why it cannot start, and exits.
void Supervisor::on_refusal(WorkerProcess& worker, const std::string& why) {
    worker.stop();
    if (shutdown_.has_begun() || handle_removal())
        return;
    if (served_)
        return on_start_failure(why);
    report_.log(LogLevel::error, why);
    begin_stop(PoolEnd::failed);
}

// If all processes of the pool got SIGTERM, the shutdown decides when this worker stops. If it
// alone did, another replaces it.
void Supervisor::on_sigterm_of_worker(WorkerProcess& worker) {
    on_signals();
    if (worker.state == State::draining)
        return worker.stop(); // two pending signals may have arrived as one
    if (shutdown_.is_requested() || shutdown_.has_begun())
        return;
    report_.log(LogLevel::notice, name_of(worker) + " got SIGTERM and stops; another replaces it");
    places_.leave(worker);
    worker.stop();
}

void Supervisor::reap() {
    while (const auto ended = places_.reap()) {
        on_messages(*ended->worker);
        on_end(*ended->worker, ended->status);
    }
}

void Supervisor::on_end(WorkerProcess& worker, int status) {
    auto text = name_of(worker) + " " + worker.describe_end(status);
    if (!worker.ended_in_order(status)) {
        text += device_.describe_held_requests(worker.pid());
        device_.warn_of_deadly_request();
        device_.put_back_requests_of_dead();
    }
    places_.leave(worker);
    handle_removal();
    report_end(worker, status, text);
}

void Supervisor::report_end(const WorkerProcess& worker, int status, const std::string& text) {
    const bool clean = worker.ended_in_order(status);
    const bool asked = clean || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    if (asked)
        on_signals(); // all processes of the pool may have got the signal
    if (worker.state == State::draining || shutdown_.has_begun()) {
        const bool killed = shutdown_.is_forced() && WIFSIGNALED(status);
        const bool expected = asked || worker.reported_end() || killed;
        return report_.log(expected ? LogLevel::debug : LogLevel::warning, text);
    }
    if (asked && shutdown_.is_requested())
        return report_.log(LogLevel::debug, text);
    if (worker.state == State::serving)
        return report_.log(clean ? LogLevel::notice : LogLevel::warning,
                           text + "; another replaces it");
    if (worker.state == State::ready && !reload_.is_active()) {
        starter_.failed();
        return report_.log(LogLevel::notice, "spare " + text);
    }
    on_start_failure(text);
}

void Supervisor::on_start_failure(const std::string& why) {
    if (handle_removal())
        return;
    if (reload_.is_active()) {
        reload_.abandon(why);
    } else {
        report_.log(LogLevel::error, start_error + why);
        report_.set_error(start_error + why);
    }
    starter_.failed();
    if (!served_ && starter_.is_hopeless())
        begin_stop(PoolEnd::failed);
}

} // namespace userblk
