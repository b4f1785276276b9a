// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backends/nbd_store.hpp"
#include "userblk/nbd/nbd_connection.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace userblk {

/// Internal: a connection to an NBD server that is renewed when it is lost; commands wait for that.
class NbdClient {
public:
    using Clock = EventLoop::Clock;

    /// Connects, and waits for that.
    /// @throws std::runtime_error
    NbdClient(EventLoop& loop, std::string uri, std::uint64_t size, NbdOptions options);
    ~NbdClient();

    const std::string& uri() const noexcept { return uri_; }
    /// As of the first connection.
    const NbdExport& about() const noexcept { return about_; }

    enum class Effect { reads, changes };

    /// Begins a command with @p begin(connection, command), and begins it again on each new
    /// connection, until one has carried it out; if it changes the store, not before the first can
    /// no longer land.
    template <class Begin>
    Task<> carry_out(Slot& slot, Effect effect, Begin begin);
    /// How long a command may land after its connection is lost; see NbdOptions.
    std::chrono::nanoseconds fence() const noexcept { return options_.fence; }

    /// Ends all commands soon.
    void give_up() noexcept;

private:
    /// A command that waits for a connection.
    struct Waiting {
        Waiting(EventLoop& loop, Clock::time_point until) noexcept : done(loop), limit(until) {}
        Completion done;
        Clock::time_point limit;
    };

    /// So that a command notices within that time that the client has given up.
    static constexpr std::chrono::milliseconds longest_sleep{500};

    void adopt(std::unique_ptr<NbdConnection> connection);
    void lose(const std::string& why);
    Task<> connected(Slot& slot);
    Task<void> reconnect(Slot& slot);
    Task<std::unique_ptr<NbdConnection>> attempt(Slot& slot);
    void check_same(const NbdExport& now) const;
    void prolong_pause() noexcept;
    Clock::time_point limit() const noexcept;
    Clock::time_point landed_by() const noexcept;
    Clock::time_point first_limit() const noexcept;
    void end_expired() noexcept;
    void end_all(std::error_code error) noexcept;
    void log(LogLevel level, const std::string& text) const noexcept;

    EventLoop& loop_;
    std::string uri_;
    std::uint64_t size_; ///< that the export must have
    NbdOptions options_;
    NbdExport about_;
    std::unique_ptr<NbdConnection> connection_; ///< null while there is none
    std::uint64_t connections_ = 0;             ///< so far
    bool proven_ = false;                       ///< the connection has carried out a command
    Clock::time_point since_{};                 ///< when it began
    bool reconnecting_ = false;
    bool gave_up_ = false;
    std::chrono::nanoseconds pause_{}; ///< before the next attempt
    std::vector<Waiting*> waiting_;
};

template <class Begin>
Task<> NbdClient::carry_out(Slot& slot, Effect effect, Begin begin) {
    auto not_before = Clock::time_point::min();
    for (;;) {
        if (not_before > Clock::now() && !gave_up_) {
            co_await loop_.sleep_until(std::min(not_before, Clock::now() + longest_sleep));
            continue;
        }
        if (!connection_) {
            const auto error = co_await connected(slot);
            if (error)
                co_return error;
        }
        const auto on = connections_;
        NbdCommand command(loop_);
        auto error = begin(*connection_, command);
        if (!error)
            error = co_await command.done;
        if (gave_up_)
            co_return std::make_error_code(std::errc::operation_canceled);
        // A server that is shutting down answers so.
        if (error != std::errc::not_connected && error.value() != ESHUTDOWN) {
            proven_ = true;
            co_return error;
        }
        if (effect == Effect::changes)
            not_before = landed_by();
        if (connection_ && on == connections_)
            lose(error == std::errc::not_connected ? "the connection broke"
                                                   : "the server is shutting down");
    }
}

} // namespace userblk
