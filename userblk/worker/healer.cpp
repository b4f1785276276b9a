// SPDX-License-Identifier: MIT
#include "userblk/worker/healer.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/inspect/orphans.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <exception>
#include <limits>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <utility>
#include <vector>

namespace userblk {

namespace {

using namespace std::chrono_literals;

/// Between attempts to fence.
constexpr BackoffPolicy fence_backoff{.first = 100ms, .longest = 10'000ms, .healthy = 60'000ms};

void add_to(const abi::FileDescriptor& epoll, int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0)
        abi::throw_errno("wait for deaths");
}

std::vector<DeadClient> clients_of(const std::vector<userblk_taken>& orphans) {
    std::vector<DeadClient> clients;
    for (const auto& orphan : orphans) {
        auto client = std::find_if(clients.begin(), clients.end(),
                                   [&](const auto& one) { return one.pid == orphan.pid; });
        if (client == clients.end())
            client = clients.insert(client, {orphan.pid, {}});
        client->requests.push_back(orphan.id);
    }
    return clients;
}

std::string name_of(const DeadClient& dead) {
    return dead.pid == 0 ? "a process" : "process " + std::to_string(dead.pid);
}

int timeout_until(std::optional<Backoff::Clock::time_point> time) {
    if (!time)
        return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*time - Backoff::Clock::now());
    return static_cast<int>(
        std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

} // namespace

Healer::Healer(WorkerState& state, const Store& store)
    : state_(state), store_(store), epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      end_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), backoff_(fence_backoff) {
    if (!epoll_ || !end_)
        abi::throw_errno("wait for deaths");
    // Edge-triggered: a death is reported once, even if its requests stay held.
    add_to(epoll_, state_.node.fd(), EPOLLPRI | EPOLLET);
    add_to(epoll_, end_.get(), EPOLLIN);
    thread_ = std::thread([this] {
        forgo_restartable_sequences(); // failure only costs speed
        run();
    });
}

Healer::~Healer() {
    ::eventfd_write(end_.get(), 1);
    thread_.join();
}

void Healer::run() noexcept {
    Again again;
    while (wait(again)) {
        try {
            again = heal();
        } catch (const std::exception& error) {
            // The device was removed, which the next wait reports; or there is no memory.
            state_.log(LogLevel::debug,
                       std::string("unable to put back requests of the dead: ") + error.what());
            again = Clock::now() + 1s;
        }
    }
}

// False: there is nothing more to do.
bool Healer::wait(Again until) const noexcept {
    epoll_event event{};
    int count = 0;
    do
        count = ::epoll_wait(epoll_.get(), &event, 1, timeout_until(until));
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        return count == 0;
    return event.data.fd != end_.get() && (event.events & (EPOLLHUP | EPOLLERR)) == 0;
}

Healer::Again Healer::heal() {
    return state_.store_class == StoreClass::fenced ? heal_fenced() : heal_unfenced();
}

// Puts back what was fenced, request by request: others may have died since.
Healer::Again Healer::heal_fenced() {
    for (;;) {
        const auto clients = clients_of(inspect::orphans_of(state_.node));
        if (clients.empty())
            return std::nullopt;
        for (const auto& client : clients) {
            if (const auto error = fence(client))
                return failed(client, error);
            put_back(client);
        }
        last_error_.clear();
    }
}

std::error_code Healer::fence(const DeadClient& dead) noexcept {
    backoff_.started(Clock::now());
    try {
        return store_.fence(dead);
    } catch (...) {
        return std::make_error_code(std::errc::io_error);
    }
}

void Healer::put_back(const DeadClient& dead) {
    std::uint32_t requests = 0;
    for (const auto id : dead.requests)
        requests += state_.node.reset_id(id, USERBLK_RESET_FENCED);
    if (requests == 0)
        return; // another worker has
    count(requests);
    state_.log(LogLevel::notice, "put back " + format_count(requests, "request") + " of " +
                                     name_of(dead) +
                                     ", which died, after fencing the store from it");
}

Healer::Again Healer::failed(const DeadClient& dead, std::error_code error) {
    if (error != last_error_)
        state_.log(LogLevel::error, "unable to fence the store from " + name_of(dead) +
                                        ", which died holding " +
                                        format_count(dead.requests.size(), "request") + ": " +
                                        error.message() + "; trying again until it succeeds");
    last_error_ = error;
    return backoff_.died(Clock::now());
}

// The kernel knows since when they are dead, and how long they must have been.
Healer::Again Healer::heal_unfenced() {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (!state_.node.reset(reset) && reset.count > 0) {
        count(reset.count);
        state_.log(LogLevel::notice, "put back " + format_count(reset.count, "request") +
                                         " of processes that died, after the waiting time");
    }
    const auto orphans = inspect::orphans_of(state_.node);
    if (orphans.empty()) {
        explained_ = false;
        return std::nullopt;
    }
    const auto config = state_.node.info().device.config;
    explain_wait(orphans.size(), config.store_wait_ns);
    const auto left = inspect::time_until_put_back(config, orphans);
    if (!left)
        return std::nullopt;
    return Clock::now() + *left + 1ms;
}

void Healer::count(std::uint32_t requests) noexcept {
    state_.healer_counters.resets.add();
    state_.healer_counters.put_back.add(requests);
}

void Healer::explain_wait(std::uint64_t requests, std::uint64_t wait_ns) {
    if (std::exchange(explained_, true))
        return;
    const std::string what = format_count(requests, "request") + " of processes that died ";
    if (wait_ns != 0)
        return state_.log(LogLevel::notice, what +
                                                "will be put back when these have been dead for " +
                                                format_duration(std::chrono::nanoseconds(wait_ns)) +
                                                ": the store cannot be fenced");
    state_.log(LogLevel::warning,
               what +
                   "stay held: the store cannot be fenced, and their last writes may still "
                   "land in it. Once you know that none can, put them back: userblkctl reset "
                   "--force " +
                   abi::disk_name(state_.node.number()));
}

} // namespace userblk
