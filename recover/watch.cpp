// SPDX-License-Identifier: MIT
#include "recover/watch.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/cli/explain.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/inspect/orphans.hpp"
#include "userblk/inspect/recover.hpp"
#include "userblk/inspect/selection.hpp"
#include "userblk/inspect/survey.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace userblk::recovery {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t inotify_key = 0;

void add_to(const abi::FileDescriptor& epoll, int fd, std::uint32_t events, std::uint64_t key) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = key;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) < 0)
        abi::throw_errno("wait for events");
}

} // namespace

std::string orphaned_event(const inspect::Survey& survey) {
    cli::JsonWriter json;
    json.begin_object().member("event", "orphaned");
    inspect::write(json, survey);
    json.end_object();
    return json.text();
}

std::string put_back_event(std::uint32_t number, std::string_view name, std::uint32_t count) {
    cli::JsonWriter json;
    json.begin_object().member("event", "put_back");
    inspect::write_identity(json, number, name);
    json.member("put_back", count).end_object();
    return json.text();
}

std::string removed_event(std::uint32_t number, std::string_view name) {
    cli::JsonWriter json;
    json.begin_object().member("event", "removed");
    inspect::write_identity(json, number, name);
    json.end_object();
    return json.text();
}

Watcher::Watcher(WatchOptions options, std::ostream& out)
    : options_(std::move(options)), out_(out), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_)
        abi::throw_errno("wait for events");
    for (const auto& device : options_.devices)
        add(abi::find_device(device));
    if (!options_.devices.empty())
        return;
    // Nodes appear and vanish in /dev; look for existing ones once the watch is in
    // place, so that none is missed.
    inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_ || ::inotify_add_watch(inotify_.get(), "/dev", IN_CREATE) < 0)
        abi::throw_errno("watch /dev");
    add_to(epoll_, inotify_.get(), EPOLLIN, inotify_key);
    add_new_ones();
}

void Watcher::add(std::uint32_t number) {
    auto node = inspect::open_node(number);
    const int fd = node.fd();
    const auto key = ++last_key_;
    std::string name = node.info().device.config.name;
    watched_.emplace(key, Watched{std::move(node), std::move(name), {}, {}});
    // Edge-triggered: reports orphans only once even if they are not put back, and does
    // not wake for requests that arrive meanwhile.
    add_to(epoll_, fd, EPOLLPRI | EPOLLET, key);
}

void Watcher::add_new_ones() {
    for (const auto number : abi::device_numbers()) {
        const bool known = std::any_of(watched_.begin(), watched_.end(), [&](const auto& entry) {
            return entry.second.node.number() == number;
        });
        if (known)
            continue;
        try {
            add(number);
        } catch (const abi::NoSuchDevice&) {
            // Being removed.
        } catch (const std::exception& error) {
            cli::complain(options_.program, cli::explain(error));
        }
    }
}

void Watcher::drain_inotify() {
    alignas(inotify_event) std::array<char, 4096> buffer;
    while (::read(inotify_.get(), buffer.data(), buffer.size()) > 0) {
    }
}

void Watcher::report(const Watched& watched, const std::string& json, const std::string& text) {
    if (options_.json)
        out_ << json << std::endl;
    else
        out_ << abi::disk_name(watched.node.number()) << ": " << text << std::endl;
}

void Watcher::report_orphans(const Watched& watched) {
    const auto now = inspect::survey(watched.node);
    if (options_.json) {
        out_ << orphaned_event(now) << std::endl;
    } else {
        inspect::print(out_, now);
        out_.flush();
    }
}

// False: the device's store class forbids it.
bool Watcher::put_back(Watched& watched) {
    bool allowed = true;
    try {
        // Another process may have been faster: then there is nothing to report.
        if (const auto count = watched.node.reset_dead())
            report(watched, put_back_event(watched.node.number(), watched.name, count),
                   "put back " + inspect::requests_text(count) + " of dead processes");
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::owner_dead)
            throw;
        allowed = false;
    }
    watched.again.reset();
    if (const auto left = inspect::time_until_put_back(watched.node.info().device.config,
                                                       inspect::orphans_of(watched.node)))
        watched.again = Clock::now() + *left + std::chrono::milliseconds(1);
    return allowed;
}

void Watcher::act(Watched& watched) {
    const bool refused = options_.reset && !put_back(watched);
    if (options_.reset && !refused)
        return;
    std::vector<std::uint64_t> orphans;
    for (const auto& holding : inspect::survey(watched.node).holdings)
        if (!holding.alive)
            orphans.push_back(holding.id);
    std::sort(orphans.begin(), orphans.end());
    const bool more = !std::includes(watched.orphans.begin(), watched.orphans.end(),
                                     orphans.begin(), orphans.end());
    watched.orphans = std::move(orphans);
    if (more)
        report_orphans(watched);
    if (more && refused)
        cli::complain(options_.program, inspect::StoreNotFenced(watched.node).what());
}

// For epoll_wait(2).
int Watcher::timeout() const {
    auto first = Clock::time_point::max();
    for (const auto& [key, watched] : watched_)
        first = std::min(first, watched.again.value_or(first));
    if (first == Clock::time_point::max())
        return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0)); // an hour at most
}

void Watcher::look_at_due_ones() {
    std::vector<std::uint64_t> due;
    for (const auto& [key, watched] : watched_)
        if (watched.again && *watched.again <= Clock::now())
            due.push_back(key);
    for (const auto key : due)
        look_at(key, false);
}

void Watcher::look_at(std::uint64_t key, bool removed) {
    const auto entry = watched_.find(key);
    if (entry == watched_.end())
        return;
    try {
        if (!removed)
            act(entry->second);
    } catch (const std::system_error& error) {
        removed = error.code() == std::errc::no_such_device;
        if (!removed)
            throw;
    }
    if (!removed)
        return;
    const auto gone = std::move(entry->second);
    watched_.erase(entry);
    report(gone, removed_event(gone.node.number(), gone.name), "was removed");
    if (inotify_)
        add_new_ones(); // the number may already have been reused
}

void Watcher::run() {
    while (out_ && (inotify_ || !watched_.empty())) {
        epoll_event event{};
        const int count = ::epoll_wait(epoll_.get(), &event, 1, timeout());
        if (count < 0 && errno != EINTR)
            abi::throw_errno("wait for events");
        if (count == 0)
            look_at_due_ones();
        if (count != 1)
            continue;
        if (event.data.u64 == inotify_key) {
            drain_inotify();
            add_new_ones();
        } else {
            look_at(event.data.u64, (event.events & (EPOLLHUP | EPOLLERR)) != 0);
        }
    }
}

} // namespace userblk::recovery
