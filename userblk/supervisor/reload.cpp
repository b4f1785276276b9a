// SPDX-License-Identifier: MIT
#include "userblk/supervisor/reload.hpp"

#include "userblk/os/deadline.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor/service_manager.hpp"
#include "userblk/supervisor/signal_receiver.hpp"

#include <fcntl.h>
#include <utility>

namespace userblk {

Reload::Reload(const PoolOptions& options, WorkerPlaces& places, WorkerStarter& starter,
               SupervisedDevice& device, StatusReport& report, std::function<bool()> is_to_stop)
    : options_(options), places_(places), starter_(starter), device_(device), report_(report),
      is_to_stop_(std::move(is_to_stop)) {}

// -------------------------------------------------------------------- requests

void Reload::listen(const std::string& supervisor_file) {
    socket_.emplace(supervisor_file);
    if (socket_->error())
        report_.log(LogLevel::debug, "unable to create a socket beside " + supervisor_file + ": " +
                                         socket_->error().message());
}

// The check is left alone: its destructor would kill it.
void Reload::close_inherited() noexcept {
    previous_.store.reset();
    socket_.reset();
    client_.reset();
}

// Notifies a client that still waits for an earlier reload that this one replaces it.
void Reload::on_client() {
    auto client = socket_->accept();
    if (!client)
        return;
    report_to_client(ReloadEvent::Kind::failed, "another reload has replaced it");
    client_ = std::move(client);
    if (is_to_stop_())
        return refuse("the supervisor is about to stop");
    begin(client_->change);
}

void Reload::report_to_client(ReloadEvent::Kind kind, const std::string& text) noexcept {
    if (client_)
        client_->send(kind, text);
}

// --------------------------------------------------------------- a new program

void Reload::begin(const std::vector<std::string>& change) {
    report_.log(LogLevel::information, "reloading");
    report_.notify_manager(reloading_state());
    check_.reset();
    try {
        if (!change.empty() && !options_.change)
            return refuse("the options of this program cannot be changed");
        if (options_.reexec.empty())
            return fork_new_workers();
        next_.opens_store =
            (!change.empty() && !change.front().empty()) || (active_ && previous_.store);
        next_.program = change.empty() ? options_.reexec : options_.change(change);
        if (!options_.reexec_check.empty())
            return check_next();
    } catch (const std::exception& error) {
        return refuse(error.what());
    }
    execute_next();
}

void Reload::fork_new_workers() {
    places_.stop_waiting();
    places_.begin_generation();
    if (!active_)
        previous_.identity = report_.record().identity;
    set_active(true);
    starter_.setup().identity.clear(); // they identify the store themselves
    starter_.end_delay();
}

// The workers keep serving meanwhile.
void Reload::check_next() {
    auto program = next_.program;
    program.push_back(options_.reexec_check);
    check_.emplace(program,
                   ReexecState{device_.number(), {}, {}, options_.reexec_note, state_for_next()});
}

void Reload::on_check() {
    if (!check_) // an earlier event of this turn has cancelled it
        return;
    const auto why = check_->result();
    if (!why)
        return;
    check_.reset();
    if (!why->empty())
        return refuse(*why);
    if (is_to_stop_()) // since this turn began
        return refuse("the supervisor is about to stop");
    execute_next();
}

void Reload::execute_next() {
    auto state = state_for_next();
    const bool changes = next_.program != options_.reexec;
    state.previous = changes || previous_.program.empty() ? options_.reexec : previous_.program;
    const auto error = execute_with_workers(next_.program, std::move(state));
    refuse("unable to execute " + next_.program.front() + ": " + error.message());
}

ReloadState Reload::state_for_next() const {
    ReloadState state;
    state.identity = active_ ? previous_.identity : report_.record().identity;
    state.store = open_store();
    state.opens_store = next_.opens_store;
    return state;
}

int Reload::open_store() const noexcept {
    return previous_.store ? previous_.store.get() : options_.store_fd;
}

// Returns only an error.
std::error_code Reload::execute_with_workers(const std::vector<std::string>& program,
                                             ReloadState reload) {
    places_.stop_waiting();
    ReexecState state{device_.number(), {}, {}, options_.reexec_note, std::move(reload)};
    for (const auto& worker : places_.workers())
        (worker->state == WorkerProcess::State::serving ? state.workers : state.draining)
            .push_back(worker->pid());
    if (client_)
        state.reload.client = client_->keep_open(true);
    const bool stop = is_to_stop_();
    if (stop)
        SignalReceiver::leave_stop_request();
    const auto error = execute(program, state);
    if (stop)
        SignalReceiver::withdraw_stop_request();
    if (client_)
        client_->keep_open(false);
    return error;
}

// If the program is the same, there are no options to go back to.
bool Reload::is_other_program(const ReloadState& state) const noexcept {
    return !state.previous.empty() && state.previous != options_.reexec;
}

void Reload::adopt(const ReloadState& state, bool served) {
    if (state.client >= 0 && ::fcntl(state.client, F_GETFD) >= 0) {
        client_.emplace(abi::FileDescriptor(state.client), std::vector<std::string>());
        client_->keep_open(false);
    }
    if (state.reverted) {
        report_.set_identity(state.identity);
        reserve_device(); // exec has released the lock
        return refuse(state.failure);
    }
    if (state.opens_store)
        previous_.store.reset(state.store);
    if (is_other_program(state))
        previous_.program = state.previous;
    previous_.identity = state.identity;
    set_active(served);
    places_.begin_generation();
}

// ----------------------------------------------------------------- new workers

void Reload::set_active(bool active) noexcept {
    active_ = active;
    starter_.setup().claims_late = active;
}

bool Reload::changes_store() const noexcept {
    const auto& identity = report_.record().identity;
    return active_ && !identity.empty() && !previous_.identity.empty() &&
           identity != previous_.identity;
}

void Reload::reserve_device() const noexcept {
    if (!changes_store())
        device_.reserve_for_store(report_.record().identity, options_.worker.share);
}

void Reload::advance() {
    if (active_ && changes_store())
        replace_store();
    else if (active_ && places_.replace_old())
        complete();
    dismiss_client();
}

// The data that the old workers acknowledged is in the old store: no worker serves from the new one
// before the last of them has exited.
void Reload::replace_store() {
    if (!drain_deadline_) {
        if (places_.ready_count() < places_.count())
            return;
        drain_deadline_ = after(Clock::now(), options_.drain_limit);
        places_.empty_all();
        places_.stop([this](const WorkerProcess& worker) { return !places_.is_current(worker); });
    }
    if (places_.any_old()) {
        if (Clock::now() >= *drain_deadline_)
            abandon("the old workers are still busy with what they have taken");
        return;
    }
    device_.release_store();
    if (is_served(device_.number()))
        return abandon("other processes serve the device with the old store");
    places_.end_delays();
    complete();
    places_.fill();
}

void Reload::complete() {
    set_active(false);
    drain_deadline_.reset();
    previous_ = {};
    reserve_device();
    report_.set_error("");
    report_.log(LogLevel::notice, "reloaded: new workers serve, the old ones drain");
    report_.notify_manager("READY=1");
    report_to_client(ReloadEvent::Kind::begun);
}

// Once the reload is over and the last of the old workers has exited.
void Reload::dismiss_client() {
    if (!client_ || active_ || check_ || places_.any_old())
        return;
    report_to_client(ReloadEvent::Kind::done);
    client_.reset();
}

// --------------------------------------------------------------------- failure

// Nothing has changed.
void Reload::refuse(const std::string& why) {
    report_.log(LogLevel::error, "reload failed, the old workers continue: " + why);
    report_.set_error("reload failed: " + why);
    report_.notify_manager("READY=1");
    fail_client(why);
}

void Reload::abandon(const std::string& why) {
    check_.reset();
    if (!previous_.program.empty())
        revert_program(why);
    places_.keep_old();
    set_active(false);
    drain_deadline_.reset();
    if (!previous_.identity.empty()) {
        starter_.setup().identity = previous_.identity;
        report_.set_identity(previous_.identity);
    }
    reserve_device();
    refuse(why);
}

// Executes the previous program again. Returns if that fails.
void Reload::revert_program(const std::string& why) {
    places_.stop([this](const WorkerProcess& worker) { return places_.is_current(worker); });
    ReloadState state;
    state.reverted = true;
    state.failure = why;
    state.identity = previous_.identity;
    state.store = open_store();
    const auto program = std::exchange(previous_.program, {});
    const auto error = execute_with_workers(program, std::move(state));
    report_.log(LogLevel::error, "unable to execute " + program.front() + ": " + error.message() +
                                     "; the new options remain in force");
}

void Reload::cancel_check(const std::string& why) noexcept {
    if (!check_)
        return;
    check_.reset();
    fail_client(why);
}

void Reload::cancel(const std::string& why) noexcept {
    active_ = false;
    check_.reset();
    fail_client(why);
}

void Reload::fail_client(const std::string& why) noexcept {
    report_to_client(ReloadEvent::Kind::failed, why);
    client_.reset();
}

} // namespace userblk
