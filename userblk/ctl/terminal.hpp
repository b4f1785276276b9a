// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <termios.h>

namespace userblk::ctl {

/// The terminal as a screen to redraw and a source of single keys. Restored when the
/// object is destroyed, and while the process is stopped (Ctrl-Z). One object at a
/// time; signals are delivered only in wait().
class Terminal {
public:
    /// Whether standard input and output are a terminal.
    static bool available();

    /// Its width.
    static std::size_t columns();
    /// The same, or 0 if standard output is not a terminal: unlimited.
    static std::size_t output_columns();

    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// Replaces the screen by @p text, as much as fits.
    void show(const std::string& text) const;

    enum class Event { time, key, resized, interrupted };
    struct Input {
        Event event = Event::time;
        char key = 0;
    };
    /// Waits for a key, a terminating signal, or a timeout. Returns "resized" also after
    /// the process was stopped: redraw.
    Input wait(std::chrono::nanoseconds limit) const;

private:
    void enter() const;
    void leave() const;
    void suspend() const;

    termios before_{};
    sigset_t mask_{}; ///< signal mask while waiting
};

} // namespace userblk::ctl
