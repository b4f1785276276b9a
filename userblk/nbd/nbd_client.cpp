// SPDX-License-Identifier: MIT
#include "userblk/nbd/nbd_client.hpp"

#include "userblk/units.hpp"

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <stdexcept>

namespace userblk {

namespace {

using namespace std::chrono_literals;

/// A server that accepts a connection and says nothing is given up after this time.
constexpr auto handshake_limit = 10s;
constexpr std::chrono::nanoseconds shortest_pause = 50ms, longest_pause = 2s;
/// A connection that lived this long is renewed at once.
constexpr auto healthy = 1s;

// For a worker that is not serving yet. The handshake has its own limit.
void wait_for(NbdConnection& connection, NbdClient::Clock::time_point limit) {
    while (connection.is_connecting()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(limit - NbdClient::Clock::now());
        pollfd entry{connection.fd(), connection.events(), 0};
        const int ready = left <= 0ms ? 0 : ::poll(&entry, 1, static_cast<int>(left.count()));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            throw std::runtime_error("the server does not answer");
        connection.notify(entry.revents);
    }
}

std::string sizes(std::uint64_t bytes) {
    return format_size(bytes) + " (" + format_count(bytes, "byte") + ")";
}

} // namespace

NbdClient::NbdClient(EventLoop& loop, std::string uri, std::uint64_t size, NbdOptions options)
    : loop_(loop), uri_(std::move(uri)), size_(size), options_(std::move(options)) {
    try {
        auto connection = std::make_unique<NbdConnection>(uri_);
        wait_for(*connection, Clock::now() + handshake_limit);
        about_ = connection->about();
        adopt(std::move(connection));
    } catch (const std::exception& error) {
        throw std::runtime_error("unable to connect to " + uri_ + ": " + error.what());
    }
    if (about_.size < size_)
        throw std::runtime_error(uri_ + " has " + sizes(about_.size) +
                                 ", which is less than the device's " + sizes(size_) +
                                 "; enlarge the export or shrink the device");
    if (size_ == 0)
        size_ = about_.size;
}

NbdClient::~NbdClient() = default;

// ------------------------------------------------------------------ connections

void NbdClient::adopt(std::unique_ptr<NbdConnection> connection) {
    connection_ = std::move(connection);
    ++connections_;
    proven_ = false;
    since_ = Clock::now();
    connection_->attach(loop_, [this](const std::string& why) { lose(why); });
}

// Its commands end, and wait for the next one.
void NbdClient::lose(const std::string& why) {
    const auto lost = std::move(connection_);
    // One that takes some commands and hangs up on another must not be asked without a pause.
    if (proven_ && Clock::now() - since_ >= healthy)
        pause_ = 0ns;
    else
        prolong_pause();
    if (!gave_up_)
        log(LogLevel::warning, "lost the connection to " + uri_ + ": " + why +
                                   "; requests wait until there is a new one");
}

// There are several attempts before a request fails.
void NbdClient::prolong_pause() noexcept {
    const auto longest = std::clamp(options_.retry / 4, shortest_pause, longest_pause);
    pause_ = std::clamp(2 * pause_, shortest_pause, longest);
}

NbdClient::Clock::time_point NbdClient::limit() const noexcept {
    const auto now = Clock::now();
    return options_.retry >= Clock::time_point::max() - now ? Clock::time_point::max()
                                                            : now + options_.retry;
}

NbdClient::Clock::time_point NbdClient::landed_by() const noexcept {
    const auto now = Clock::now();
    // Without a time that is long enough, a person puts back what a *dead* worker held; this one
    // lives, and its server has been found again.
    return now +
           (options_.fence == std::chrono::nanoseconds::max() ? nbd_default_fence : options_.fence);
}

Task<> NbdClient::connected(Slot&) {
    if (gave_up_)
        co_return std::make_error_code(std::errc::operation_canceled);
    Waiting waiting(loop_, limit());
    waiting_.push_back(&waiting);
    if (!std::exchange(reconnecting_, true))
        loop_.spawn([this](Slot& slot) { return reconnect(slot); });
    co_return co_await waiting.done;
}

// Runs as long as commands wait for it.
Task<void> NbdClient::reconnect(Slot& slot) {
    std::string logged;
    while (!waiting_.empty()) {
        if (pause_ > 0ns)
            co_await loop_.sleep_until(std::min(Clock::now() + pause_, first_limit()));
        end_expired();
        std::string why;
        std::unique_ptr<NbdConnection> connection;
        try {
            if (!waiting_.empty())
                connection = co_await attempt(slot);
        } catch (const std::exception& error) {
            why = error.what();
        }
        if (gave_up_)
            break;
        if (connection) {
            log(LogLevel::notice, "connected to " + uri_ + " again");
            adopt(std::move(connection));
            end_all({});
            break;
        }
        prolong_pause();
        if (!why.empty() && why != logged)
            log(LogLevel::warning, "unable to connect to " + uri_ + " again, trying on: " + why);
        logged = why;
    }
    reconnecting_ = false;
}

Task<std::unique_ptr<NbdConnection>> NbdClient::attempt(Slot&) {
    const auto limit = Clock::now() + handshake_limit;
    auto connection = std::make_unique<NbdConnection>(uri_);
    while (connection->is_connecting()) {
        const short ready = co_await loop_.ready(connection->fd(), connection->events(),
                                                 std::min(limit, first_limit()));
        if (gave_up_)
            throw std::runtime_error("given up");
        if (ready == 0)
            throw std::runtime_error("the server does not answer");
        connection->notify(ready);
    }
    check_same(connection->about());
    co_return connection;
}

// What the device promises its users, the server must still hold.
void NbdClient::check_same(const NbdExport& now) const {
    if (now.size < size_)
        throw std::runtime_error("the export has " + sizes(now.size) + " now, less than " +
                                 sizes(size_));
    const auto require = [](bool before, bool still, const char* what) {
        if (before && !still)
            throw std::runtime_error(std::string("the export ") + what +
                                     ", unlike when it was opened");
    };
    require(!about_.read_only, !now.read_only, "is read-only now");
    require(about_.flush, now.flush, "does not support flush now");
    require(about_.fua, now.fua, "does not support FUA now");
    require(about_.trim, now.trim, "does not support trim now");
    require(about_.zero, now.zero, "does not support writing zeroes now");
    require(about_.several_connections, now.several_connections,
            "does not allow several connections now");
    require(true, now.least_block <= std::max<std::uint64_t>(about_.least_block, 512),
            "has larger blocks now");
}

// ----------------------------------------------------------------- the waiting

NbdClient::Clock::time_point NbdClient::first_limit() const noexcept {
    auto first = Clock::time_point::max();
    for (const auto* const each : waiting_)
        first = std::min(first, each->limit);
    return first;
}

void NbdClient::end_expired() noexcept {
    const auto now = Clock::now();
    const auto expired = [now](Waiting* each) {
        if (each->limit > now)
            return false;
        each->done.complete(std::make_error_code(std::errc::timed_out));
        return true;
    };
    waiting_.erase(std::remove_if(waiting_.begin(), waiting_.end(), expired), waiting_.end());
}

void NbdClient::end_all(std::error_code error) noexcept {
    for (auto* const each : waiting_)
        each->done.complete(error);
    waiting_.clear();
}

void NbdClient::give_up() noexcept {
    gave_up_ = true;
    end_all(std::make_error_code(std::errc::operation_canceled));
    connection_.reset();
}

void NbdClient::log(LogLevel level, const std::string& text) const noexcept {
    write_log(options_.log, level, text);
}

} // namespace userblk
