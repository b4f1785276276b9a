// SPDX-License-Identifier: MIT
#include "userblk/supervisor/supervisor.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/device.hpp"
#include "userblk/inspect/describe_requests.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/store/store_lock.hpp"
#include "userblk/supervisor/service_manager.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace userblk {

namespace {

using namespace std::chrono_literals;

constexpr const char* start_error = "unable to start a worker: ";

/// That many deaths in a row before any worker was ready, and it is given up.
constexpr unsigned hopeless = 5;
/// After SIGKILL; a process that is stuck in the kernel takes longer, and is left.
constexpr auto kill_limit = 5s;
/// How often may_be_ready() is asked.
constexpr auto ask_ready_every = 50ms;

/// How often it is said that a store is not open yet.
constexpr std::chrono::milliseconds say_every = 30s;
/// How often it is looked whether the store has its name still.
constexpr auto look_every = 5s;
/// How often may_stop() is asked.
constexpr auto ask_every = 50ms;
/// Signals of one sender that come so soon after each other are one request.
constexpr auto same_request = 1s;

sigset_t handled_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        ::sigaddset(&set, signal);
    return set;
}

bool is_own_child(pid_t pid) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

Scheduling scheduling_of(const PoolOptions& options) noexcept {
    if (options.scheduling != Scheduling::automatic)
        return options.scheduling;
    return options.workers > 1 || options.worker.threads > 1 ? Scheduling::batch
                                                             : Scheduling::unchanged;
}

} // namespace

// ----------------------------------------------------------------- beginning

Supervisor::Supervisor(std::uint32_t number, BackendFactory factory, PoolOptions options)
    : number_(number), options_(std::move(options)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      look_(options_.store_fd, options_.store_path), start_backoff_(options_.backoff) {
    if (options_.workers < 1 || options_.workers > 1024)
        throw std::invalid_argument("a pool has 1 to 1024 workers");
    if (!wake_)
        abi::throw_errno("make an event descriptor");
    options_.worker.log = options_.log;
    if (options_.worker.store.empty())
        options_.worker.store = options_.record.store;
    setup_ = {number,
              0,
              std::move(factory),
              options_.worker,
              options_.lock_memory,
              scheduling_of(options_),
              options_.run_as,
              options_.record.identity};
    places_.resize(options_.workers);
    for (auto& place : places_)
        place.backoff = Backoff(options_.backoff);
}

Supervisor::~Supervisor() {
    if (mask_before_)
        ::pthread_sigmask(SIG_SETMASK, &*mask_before_, nullptr);
}

void Supervisor::set_up_process() {
    const auto warn = [this](const char* what, std::error_code error) {
        if (error)
            log(LogLevel::warning, std::string("unable to ") + what + ": " + error.message());
    };
    if (const auto error = options_.io_flusher ? set_io_flusher() : std::error_code())
        log(LogLevel::warning,
            "unable to exempt memory allocation from waiting for I/O: " + error.message() +
                "; when memory runs short the device may wait for itself. Root may, and who has "
                "CAP_SYS_RESOURCE (AmbientCapabilities= of a service)");
    if (options_.lock_memory)
        warn("lock memory", lock_memory());
    if (options_.oom_score_adj)
        warn("set the OOM score", set_oom_score_adj(*options_.oom_score_adj));
    if (options_.announce) {
        announcement_.emplace(number_);
        if (announcement_->error())
            log(LogLevel::notice, "unable to make " + announcement_->path() + ": " +
                                      announcement_->error().message() +
                                      "; userblkctl does not find this process, which reloads by "
                                      "SIGHUP");
        announce();
        reload_socket_.emplace(announcement_->path());
        if (reload_socket_->error())
            log(LogLevel::debug, "unable to make a socket beside " + announcement_->path() + ": " +
                                     reload_socket_->error().message());
    }
}

void Supervisor::announce() noexcept {
    if (!announcement_ || announcement_->error())
        return;
    auto record = options_.record;
    record.workers = options_.workers;
    record.threads = options_.worker.threads;
    record.diskseq = setup_.diskseq;
    announcement_->write(record);
}

// The store stays what it is: only who looks for it by its name finds another one, or none.
void Supervisor::look_at_store() {
    next_look_ = Clock::now() + look_every;
    const auto name = look_.look();
    const std::string state = name == StoreName::same      ? ""
                              : name == StoreName::removed ? "removed"
                                                           : "replaced";
    auto& said = options_.record.store_state;
    if (state == said || is_removed()) // with its device memory goes
        return;
    const auto disk = abi::disk_name(number_);
    const auto& path = options_.store_path;
    if (state.empty())
        log(LogLevel::notice, path + " is the file again that " + disk + " is served with");
    else if (said.empty())
        log(LogLevel::warning,
            path +
                (name == StoreName::removed ? " was removed or renamed; "
                                            : " is another file now; ") +
                disk +
                " goes on with the one that it is served with, which is lost when its service "
                "ends unless it has a name elsewhere; copy it from " +
                abi::block_path(number_) +
                ", or go over to another one that has the same data: userblkctl reload " + disk +
                " STORE");
    said = state;
    announce();
}

// For who asks why nobody serves, and does not see the log.
void Supervisor::set_error(const std::string& text) noexcept {
    auto& record = options_.record;
    if (text == record.error)
        return;
    try {
        record.error = text;
        record.error_time = std::chrono::duration_cast<std::chrono::seconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count();
        announce();
    } catch (...) {
        // Not enough memory to say it.
    }
}

void Supervisor::hold_store() noexcept {
    if (node_ && !changes_store())
        hold_node(*node_, options_.record.identity, options_.worker.share);
}

void Supervisor::take_signals() {
    const auto set = handled_signals();
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    mask_before_ = before;
    ::signal(SIGCHLD, SIG_DFL); // ignored children cannot be waited for
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_)
        abi::throw_errno("receive signals");
}

// This process executed a new program in its own place. Its children are still
// its children.
void Supervisor::adopt(const ReexecState& handover) {
    ReexecState::forget();
    if (handover.number != number_)
        return log(LogLevel::warning, "was handed the workers of another device");
    for (const auto pid : handover.workers)
        adopt_child(pid, State::serving);
    for (const auto pid : handover.leaving)
        adopt_child(pid, State::draining);
    // What the old program has blocked for us is not to stay blocked.
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        ::sigdelset(&*mask_before_, signal);
    auto place = places_.begin();
    for (const auto& child : children_)
        if (child->state == State::serving && place != places_.end())
            (place++)->worker = child.get();
    const auto& reload = handover.reload;
    if (reload.client >= 0 && ::fcntl(reload.client, F_GETFD) >= 0) {
        client_.emplace(abi::FileDescriptor(reload.client), std::vector<std::string>());
        client_->keep_open(false);
    }
    told_ready_ = reload.gone_back || place != places_.begin();
    established_ = told_ready_ || !reload.previous.empty();
    if (reload.gone_back) {
        options_.record.identity = reload.identity;
        announce();
        return refuse_reload(reload.failure);
    }
    if (reload.anew)
        previous_store_.reset(reload.store);
    reloading_ = established_;
    previous_ = reload.previous;
    previous_identity_ = reload.identity;
    setup_.claims_late = reloading_;
    ++generation_;
}

void Supervisor::adopt_child(pid_t pid, State state) {
    if (is_own_child(pid))
        children_.push_back(
            std::make_unique<WorkerProcess>(pid, abi::FileDescriptor(), state, generation_));
}

PoolEnd Supervisor::run() {
    node_.emplace(number_);
    setup_.diskseq = Device::context_of(*node_).diskseq;
    take_signals();
    set_up_process();
    if (const auto handover = ReexecState::received())
        adopt(*handover);
    while (!finished()) {
        if (stop_requested_.exchange(false))
            ask_to_stop();
        if (asked_to_stop_ && !end_ && options_.may_stop())
            begin_stop(PoolEnd::stopped);
        if (reload_requested_.exchange(false) && !end_)
            begin_reload({});
        if (!end_) {
            fill();
            assign();
            commit_reload();
            dismiss_client();
            if (Clock::now() >= next_look_)
                look_at_store();
        }
        enforce_limits();
        if (!finished())
            wait();
    }
    if (forced_)
        heal();
    reload_socket_.reset();
    announcement_.reset(); // what comes after is no supervising
    release_node(*node_);
    return forced_ && *end_ == PoolEnd::stopped ? PoolEnd::forced : *end_;
}

// A process of its own, since to open a store can have any consequences.
void Supervisor::check() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        abi::throw_errno("make a socket");
    abi::FileDescriptor ours(ends[0]), theirs(ends[1]);
    setup_.claims_late = ReexecState::received().has_value();
    const pid_t pid = ::fork();
    if (pid < 0)
        abi::throw_errno("start a process");
    if (pid == 0) {
        ours.reset();
        become_worker(std::move(theirs));
    }
    theirs.reset();
    WorkerProcess child(pid, std::move(ours), State::starting, generation_);
    pollfd entry{child.channel(), POLLIN, 0};
    while (::poll(&entry, 1, -1) < 0 && errno == EINTR) {
    }
    const auto message = child.receive();
    child.stop();
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!message)
        throw std::runtime_error("a worker " + child.describe_end(status));
    if (!message->ready)
        throw std::runtime_error(message->text);
}

void Supervisor::request_stop() noexcept {
    stop_requested_ = true;
    ::eventfd_write(wake_.get(), 1);
}

void Supervisor::request_reload() noexcept {
    reload_requested_ = true;
    ::eventfd_write(wake_.get(), 1);
}

// --------------------------------------------------------- filling the places

// Children of this generation: all that are to be, or only those that are ready.
std::size_t Supervisor::count_current(bool only_ready) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(children_.begin(), children_.end(), [=, this](const auto& child) {
            return child->generation == generation_ && child->state != State::draining &&
                   (!only_ready || child->state == State::ready);
        }));
}

void Supervisor::fill() {
    const auto wanted =
        std::size_t(options_.workers) + (asked_to_stop_ ? 0 : std::size_t(options_.spares));
    while (!end_ && count_current(false) < wanted && Clock::now() >= next_start_)
        start_child();
}

void Supervisor::start_child() {
    start_backoff_.started(Clock::now());
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return on_start_failure("unable to make a socket: " + abi::last_error().message());
    abi::FileDescriptor ours(ends[0]), theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0)
        return on_start_failure("unable to fork: " + abi::last_error().message());
    if (pid == 0) {
        ours.reset();
        become_worker(std::move(theirs));
    }
    try {
        children_.push_back(
            std::make_unique<WorkerProcess>(pid, std::move(ours), State::starting, generation_));
    } catch (const std::exception& exception) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        on_start_failure(exception.what());
    }
}

// In the child. What the supervisor has open must not stay open here: the others
// could not tell that it is gone.
void Supervisor::become_worker(abi::FileDescriptor channel) {
    children_.clear();
    places_.clear();
    node_.reset();
    previous_store_.reset();
    look_ = StoreNameCheck(-1, "");
    reload_socket_.reset();
    client_.reset();
    announcement_.reset();
    wake_.reset();
    signals_.reset();
    be_worker(setup_, std::move(channel));
}

WorkerProcess* Supervisor::ready_child() noexcept {
    for (const auto& child : children_)
        if (child->state == State::ready && child->generation == generation_)
            return child.get();
    return nullptr;
}

void Supervisor::give_place(Place& place, WorkerProcess& child) {
    child.go(static_cast<unsigned>(&place - places_.data()));
    place.worker = &child;
    place.backoff.started(Clock::now());
    log(LogLevel::debug, "worker " + std::to_string(child.pid()) + " serves");
}

void Supervisor::assign() {
    if (changes_store()) // until all of the old ones have ended
        return;
    const auto now = Clock::now();
    for (auto& place : places_) {
        if (place.worker != nullptr || now < place.next)
            continue;
        auto* const child = ready_child();
        if (child == nullptr)
            return;
        give_place(place, *child);
    }
    if (!told_ready_ && std::all_of(places_.begin(), places_.end(),
                                    [](const Place& place) { return place.worker != nullptr; }))
        tell_ready();
}

void Supervisor::tell_ready() {
    if (!established_) {
        // Whoever hears of it finds the device with its size, however long the workers
        // take to ask for requests first: who polls asks for them.
        abi::NodeEvents ignored;
        node_->poll(ignored, 0ms);
        log(LogLevel::information,
            abi::disk_name(number_) + " is served by " + counted(places_.size(), "worker"));
    }
    established_ = true;
    if (options_.may_be_ready && !options_.may_be_ready())
        return;
    told_ready_ = true;
    notify("READY=1");
    if (options_.ready)
        options_.ready();
}

// ------------------------------------------------------------------ reloading

// Only a program that would come up is executed; it is tried beside the workers, which serve.
void Supervisor::begin_reload(const std::vector<std::string>& change) {
    log(LogLevel::information, "reloading");
    notify(reloading_state());
    check_.reset();
    try {
        if (!change.empty() && !options_.change)
            return refuse_reload("the options of this program cannot be changed");
        if (options_.reexec.empty())
            return fork_anew();
        next_anew_ =
            (!change.empty() && !change.front().empty()) || (reloading_ && previous_store_);
        next_program_ = change.empty() ? options_.reexec : options_.change(change);
        auto program = next_program_;
        if (!options_.reexec_check.empty()) {
            program.push_back(options_.reexec_check);
            Reload reload;
            reload.identity = reloading_ ? previous_identity_ : options_.record.identity;
            reload.store = store_so_far();
            reload.anew = next_anew_;
            check_.emplace(program, ReexecState{number_, {}, {}, options_.reexec_note, reload});
            return;
        }
    } catch (const std::exception& error) {
        return refuse_reload(error.what());
    }
    look_at_check();
}

void Supervisor::fork_anew() {
    for (const auto& child : children_)
        if (child->state == State::starting || child->state == State::ready)
            child->stop();
    ++generation_;
    if (!reloading_)
        previous_identity_ = options_.record.identity;
    reloading_ = setup_.claims_late = true;
    setup_.identity.clear(); // they look anew
    next_start_ = {};
}

// Whoever waits for the last reload is told that this one came.
void Supervisor::take_client() {
    auto client = reload_socket_->accept();
    if (!client)
        return;
    if (client_)
        client_->tell(ReloadNews::Kind::failed, "another reload was asked for meanwhile");
    client_ = std::move(client);
    if (end_ || asked_to_stop_)
        return refuse_reload("it is about to end");
    begin_reload(client_->change);
}

void Supervisor::look_at_check() {
    if (check_) {
        const auto why = check_->result();
        if (!why)
            return;
        check_.reset();
        if (!why->empty())
            return refuse_reload(*why);
    }
    Reload reload;
    reload.identity = reloading_ ? previous_identity_ : options_.record.identity;
    reload.store = store_so_far();
    reload.anew = next_anew_;
    reload.previous = next_program_ != options_.reexec ? options_.reexec : previous_;
    const auto error = reexecute(next_program_, std::move(reload));
    refuse_reload("unable to execute " + next_program_.front() + ": " + error.message());
}

int Supervisor::store_so_far() const noexcept {
    return previous_store_ ? previous_store_.get() : options_.store_fd;
}

// Returns only an error.
std::error_code Supervisor::reexecute(const std::vector<std::string>& program, Reload reload) {
    for (const auto& child : children_)
        if (child->state == State::starting || child->state == State::ready)
            child->stop();
    ReexecState handover{number_, {}, {}, options_.reexec_note, std::move(reload)};
    for (const auto& child : children_)
        (child->state == State::serving ? handover.workers : handover.leaving)
            .push_back(child->pid());
    if (client_)
        handover.reload.client = client_->keep_open(true);
    const auto error = execute(program, handover);
    if (client_)
        client_->keep_open(false);
    return error;
}

bool Supervisor::changes_store() const noexcept {
    const auto& identity = options_.record.identity;
    return reloading_ && !identity.empty() && !previous_identity_.empty() &&
           identity != previous_identity_;
}

// All new workers take over at once, so that no request meets a mixture for
// longer than it must.
void Supervisor::commit_reload() {
    if (!reloading_)
        return;
    if (changes_store())
        return change_store();
    const auto is_old = [this](const Place& place) {
        return place.worker != nullptr && !is_new(*place.worker);
    };
    const auto old = std::count_if(places_.begin(), places_.end(), is_old);
    const bool any = std::any_of(children_.begin(), children_.end(), [this](const auto& child) {
        return is_new(*child) && (child->state == State::ready || child->state == State::serving);
    });
    if (!any || count_current(true) < static_cast<std::size_t>(old))
        return;
    for (auto& place : places_)
        if (is_old(place))
            give_place(place, *ready_child());
    for (const auto& child : children_)
        if (!is_new(*child) && child->state == State::serving)
            child->stop();
    end_reload();
}

// What the old workers have acknowledged is in the old store: nobody serves from the new one before
// the last of them has ended.
void Supervisor::change_store() {
    const auto is_old = [this](const auto& child) { return !is_new(*child); };
    if (!change_deadline_) {
        if (count_current(true) < places_.size())
            return;
        change_deadline_ = after(Clock::now(), options_.drain_limit);
        for (auto& place : places_)
            place.worker = nullptr;
        for (const auto& child : children_)
            if (is_old(child))
                child->stop();
    }
    if (std::any_of(children_.begin(), children_.end(), is_old)) {
        if (Clock::now() >= *change_deadline_)
            abandon_reload("the old workers are still at what they had taken");
        return;
    }
    release_node(*node_);
    if (is_served(number_))
        return abandon_reload("others serve the device with the old store");
    for (auto& place : places_)
        place.next = {};
    end_reload();
    assign();
}

void Supervisor::end_reload() {
    reloading_ = setup_.claims_late = false;
    change_deadline_.reset();
    previous_.clear();
    previous_identity_.clear();
    previous_store_.reset();
    hold_store();
    set_error("");
    log(LogLevel::notice, "reloaded: new workers serve, the old ones are drained");
    notify("READY=1");
    if (client_)
        client_->tell(ReloadNews::Kind::begun);
}

// When the reload is over, and the last of the old workers has ended.
void Supervisor::dismiss_client() {
    if (!client_ || reloading_ || check_ ||
        !std::all_of(children_.begin(), children_.end(),
                     [this](const auto& child) { return is_new(*child); }))
        return;
    client_->tell(ReloadNews::Kind::done);
    client_.reset();
}

// Everything is as it was.
void Supervisor::refuse_reload(const std::string& why) {
    log(LogLevel::error, "reload failed, the old workers go on: " + why);
    set_error("reload failed: " + why);
    notify("READY=1");
    if (client_)
        client_->tell(ReloadNews::Kind::failed, why);
    client_.reset();
}

void Supervisor::abandon_reload(const std::string& why) {
    if (!previous_.empty())
        go_back(why);
    for (const auto& child : children_)
        if (child->state == State::starting || child->state == State::ready)
            child->stop();
        else
            child->generation = generation_;
    reloading_ = setup_.claims_late = false;
    change_deadline_.reset();
    if (!previous_identity_.empty())
        options_.record.identity = setup_.identity = previous_identity_;
    hold_store();
    refuse_reload(why);
}

// To the options that were in force. Returns if that cannot be.
void Supervisor::go_back(const std::string& why) {
    for (const auto& child : children_)
        if (is_new(*child))
            child->stop();
    Reload reload;
    reload.gone_back = true;
    reload.failure = why;
    reload.identity = previous_identity_;
    reload.store = store_so_far();
    const auto program = std::exchange(previous_, {});
    const auto error = reexecute(program, std::move(reload));
    log(LogLevel::error,
        "unable to execute " + program.front() + ": " + error.message() + "; the new options stay");
}

// --------------------------------------------------------------------- ending

// The second time it does not ask.
void Supervisor::ask_to_stop() {
    if (options_.may_stop && !asked_to_stop_)
        asked_to_stop_ = true;
    else
        begin_stop(PoolEnd::stopped);
}

void Supervisor::begin_stop(PoolEnd end) {
    if (end_)
        return;
    end_ = end;
    reloading_ = false;
    check_.reset();
    if (client_)
        client_->tell(ReloadNews::Kind::failed,
                      end == PoolEnd::removed ? "the device was removed" : "it has been ended");
    client_.reset();
    stop_deadline_ = after(Clock::now(), options_.drain_limit);
    notify("STOPPING=1");
    log(LogLevel::information, end == PoolEnd::removed ? abi::disk_name(number_) + " was removed"
                                                       : std::string("stopping"));
    for (const auto& child : children_)
        if (child->state != State::draining)
            child->stop();
}

void Supervisor::force(const char* why) {
    if (forced_ || children_.empty())
        return;
    log(LogLevel::warning, "killing " + counted(children_.size(), "worker") + why);
    forced_ = true;
    stop_deadline_ = Clock::now() + kill_limit;
    for (const auto& child : children_)
        child->kill();
}

void Supervisor::enforce_limits() {
    const auto now = Clock::now();
    if (end_ && !forced_ && now >= stop_deadline_)
        force(" that did not end in time");
    for (const auto& child : children_) {
        if (child->state == State::starting && now >= after(child->since, start_patience())) {
            on_slow_start(*child);
        } else if (child->state == State::draining && !end_ &&
                   now >= after(child->since, options_.drain_limit)) {
            log(LogLevel::warning,
                "worker " + std::to_string(child->pid()) + " is still at what it had taken");
            child->since = now;
        }
    }
}

std::chrono::milliseconds Supervisor::start_patience() const noexcept {
    return options_.start_limit.value_or(say_every);
}

// Whoever waits for us to be ready, as systemd does for so long, is asked to go on.
void Supervisor::on_slow_start(WorkerProcess& child) {
    child.since = Clock::now();
    const auto who = "worker " + std::to_string(child.pid());
    if (options_.start_limit) {
        log(LogLevel::error, who + " has not opened its store in " +
                                 format_duration(*options_.start_limit) + " and is killed");
        return child.kill();
    }
    log(LogLevel::notice, who + " is still opening its store");
    notify("EXTEND_TIMEOUT_USEC=" +
           std::to_string(std::chrono::microseconds(2 * say_every).count()));
}

bool Supervisor::finished() const noexcept {
    return end_ && (children_.empty() || (forced_ && Clock::now() >= stop_deadline_));
}

// ---------------------------------------------------- waiting and its results

Supervisor::Clock::time_point Supervisor::next_deadline() const noexcept {
    const auto now = Clock::now();
    auto deadline = Clock::time_point::max();
    const auto consider = [&](Clock::time_point time) {
        if (time > now)
            deadline = std::min(deadline, time);
    };
    if (end_)
        consider(stop_deadline_);
    else if (asked_to_stop_)
        consider(now + ask_every);
    else if (options_.store_fd >= 0)
        consider(next_look_);
    if (change_deadline_)
        consider(*change_deadline_);
    if (established_ && !told_ready_)
        consider(now + ask_ready_every);
    consider(next_start_);
    for (const auto& place : places_)
        if (place.worker == nullptr)
            consider(place.next);
    for (const auto& child : children_) {
        if (child->state == State::starting)
            consider(after(child->since, start_patience()));
        if (child->state == State::draining)
            consider(after(child->since, options_.drain_limit));
    }
    return deadline;
}

void Supervisor::wait() {
    std::vector<pollfd> entries{{signals_.get(), POLLIN, 0},
                                {wake_.get(), POLLIN, 0},
                                {removed_ ? -1 : node_->fd(), POLLPRI, 0},
                                {reload_socket_ ? reload_socket_->fd() : -1, POLLIN, 0},
                                {check_ ? check_->pidfd() : -1, POLLIN, 0},
                                {check_ ? check_->output() : -1, POLLIN, 0}};
    const std::size_t fixed = entries.size();
    for (const auto& child : children_) {
        entries.push_back({child->pidfd(), POLLIN, 0});
        entries.push_back({child->channel(), POLLIN, 0});
    }
    const auto deadline = next_deadline();
    timespec limit{};
    if (deadline != Clock::time_point::max()) {
        const auto left = std::max<std::chrono::nanoseconds>(deadline - Clock::now(), 0ns);
        limit = {static_cast<time_t>(left.count() / 1'000'000'000),
                 static_cast<long>(left.count() % 1'000'000'000)};
    }
    const bool unlimited = deadline == Clock::time_point::max();
    const int ready =
        ::ppoll(entries.data(), entries.size(), unlimited ? nullptr : &limit, nullptr);
    if (ready < 0 && errno != EINTR) {
        std::this_thread::sleep_for(10ms); // ENOMEM
        return;
    }
    if (ready <= 0)
        return;
    if (entries[0].revents != 0)
        on_signals();
    if (entries[1].revents != 0) {
        eventfd_t ignored = 0;
        ::eventfd_read(wake_.get(), &ignored);
    }
    // The dead before the node: what they held can then be told as theirs.
    for (std::size_t i = fixed; i < entries.size(); i += 2)
        if (entries[i + 1].revents != 0)
            on_message(*children_[(i - fixed) / 2]);
    reap();
    if (entries[2].revents != 0)
        on_node(entries[2].revents);
    if (entries[3].revents != 0)
        take_client();
    else if (check_ && (entries[4].revents | entries[5].revents) != 0)
        look_at_check();
}

void Supervisor::on_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            reload_requested_ = true;
        else if (is_same_request(static_cast<pid_t>(info.ssi_pid)))
            continue;
        else if (end_)
            force(", since a second signal asks not to wait for them");
        else
            ask_to_stop();
    }
}

// timeout(1) sends its signal to us, and then to our process group. A terminal has no pid.
bool Supervisor::is_same_request(pid_t sender) noexcept {
    const auto now = Clock::now();
    if (sender != 0 && sender == stop_sender_ && now < stop_sent_ + same_request)
        return true;
    stop_sender_ = sender;
    stop_sent_ = now;
    return false;
}

void Supervisor::on_node(short revents) {
    if (abi::node_events(revents).removed) {
        removed_ = true;
        begin_stop(PoolEnd::removed);
        return;
    }
    heal();
}

void Supervisor::on_message(WorkerProcess& child) {
    while (const auto message = child.receive()) {
        if (child.state != State::starting)
            continue;
        if (message->ready)
            on_ready(child, message->text);
        else
            on_refusal(child, message->text);
    }
    if (child.was_asked_to_end())
        on_asked_to_end(child);
}

// Somebody has sent SIGTERM to a worker that serves. If that was to all of us it is told when it is
// time to end; if it was to this one alone another takes its place.
void Supervisor::on_asked_to_end(WorkerProcess& child) {
    on_signals();
    if (child.state == State::draining)
        return child.stop(); // of two signals that wait there may be one left
    if (asked_to_stop_ || end_)
        return;
    log(LogLevel::notice, "worker " + std::to_string(child.pid()) +
                              " was sent SIGTERM and ends; another takes its place");
    leave_place(child);
    child.stop();
}

void Supervisor::leave_place(const WorkerProcess& child) {
    for (auto& place : places_) {
        if (place.worker != &child)
            continue;
        place.worker = nullptr;
        place.next = place.backoff.died(Clock::now());
    }
}

// It has opened its store, which we have not.
void Supervisor::on_ready(WorkerProcess& child, const std::string& store) {
    child.state = State::ready;
    if (!reloading_ && options_.record.error.starts_with(start_error))
        set_error("");
    const auto end = store.find('\0');
    auto& record = options_.record;
    if (end == std::string::npos)
        return;
    setup_.identity = store.substr(0, end);
    const bool known = setup_.identity == record.identity;
    record.identity = setup_.identity;
    hold_store();
    if (known)
        return;
    if (record.store.empty())
        record.store = store.substr(end + 1);
    announce();
}

// It has told why it cannot begin, and ends.
void Supervisor::on_refusal(WorkerProcess& child, const std::string& why) {
    child.stop();
    if (end_ || ends_as_removed())
        return;
    if (established_)
        return on_start_failure(why);
    log(LogLevel::error, why);
    begin_stop(PoolEnd::failed);
}

void Supervisor::reap() {
    for (std::size_t i = 0; i < children_.size();) {
        const auto status = children_[i]->reap();
        if (!status) {
            ++i;
            continue;
        }
        on_message(*children_[i]); // its last words
        const auto child = std::move(children_[i]);
        children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
        on_end(*child, *status);
    }
}

// Whether the device is gone is for the kernel to say: a status may be anybody's.
bool Supervisor::is_removed() const noexcept {
    abi::NodeEvents events;
    return removed_ || (!node_->poll(events, 0ms) && events.removed);
}

// What fails then is no failure.
bool Supervisor::ends_as_removed() {
    if (!is_removed())
        return false;
    removed_ = true;
    begin_stop(PoolEnd::removed);
    return true;
}

void Supervisor::on_end(WorkerProcess& child, int status) {
    auto text = "worker " + std::to_string(child.pid()) + " " + child.describe_end(status);
    const bool clean = child.ended_in_order(status);
    if (!clean) {
        text += describe_held_requests(*node_, child.pid());
        hint_at_delivery_limit();
        heal();
    }
    leave_place(child);
    ends_as_removed();
    const bool asked = clean || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    if (asked)
        on_signals(); // it may have been all of us who were asked to end
    if (child.state == State::draining || end_) {
        const bool expected = asked || child.told_end() || (forced_ && WIFSIGNALED(status));
        return log(expected ? LogLevel::debug : LogLevel::warning, text);
    }
    if (asked && asked_to_stop_)
        return log(LogLevel::debug, text);
    if (child.state == State::serving)
        return log(clean ? LogLevel::notice : LogLevel::warning,
                   text + "; another takes its place");
    if (child.state == State::ready && !reloading_) {
        next_start_ = start_backoff_.died(Clock::now());
        return log(LogLevel::notice, "spare " + text);
    }
    on_start_failure(text);
}

void Supervisor::on_start_failure(const std::string& why) {
    if (ends_as_removed())
        return;
    if (reloading_)
        abandon_reload(why);
    else {
        log(LogLevel::error, start_error + why);
        set_error(start_error + why);
    }
    next_start_ = start_backoff_.died(Clock::now());
    if (!established_ && start_backoff_.deaths() >= hopeless)
        begin_stop(PoolEnd::failed);
}

// One that kills whoever takes it is delivered for ever, unless the device says otherwise.
void Supervisor::hint_at_delivery_limit() noexcept {
    auto request = describe_suspect_request(*node_);
    if (request.empty() || request == hinted_at_)
        return;
    hinted_at_ = std::move(request);
    log(LogLevel::warning, hinted_at_ +
                               " was delivered three times or more while workers died, and "
                               "is delivered again; on a device that was created with "
                               "--delivery-limit N it would fail after N deliveries");
}

// Safe at any time; most often a living worker was faster.
void Supervisor::heal() noexcept {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (node_->reset(reset) || reset.count == 0)
        return;
    log(LogLevel::notice,
        "put back " + counted(reset.count, "request") + " of a process that died");
}

void Supervisor::log(LogLevel level, const std::string& text) const noexcept {
    write_log(options_.log, level, text);
}

void Supervisor::notify(const std::string& state) const noexcept {
    if (options_.notify)
        notify_service_manager(state);
}

} // namespace userblk
