// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <termios.h>

namespace userblk::ctl {

/// The terminal as a screen that is drawn anew and from which single keys are
/// read. As it was before when the object goes, and while the process is stopped
/// (Ctrl-Z). One at a time; signals come in wait() alone.
class Terminal {
public:
    /// Whether there is one to be used: standard input and output are.
    static bool available();

    /// How wide it is.
    static std::size_t columns();
    /// The same, or 0 where standard output is no terminal: any width will do.
    static std::size_t output_columns();

    Terminal();
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    /// Shows @p text in place of what was shown, as much of it as there is room for.
    void show(const std::string& text) const;

    enum class Event { time, key, resized, interrupted };
    struct Input {
        Event event = Event::time;
        char key = 0;
    };
    /// Waits for a key, a signal that ends programs, or the end of the time. "resized"
    /// also when the process had been stopped: draw anew.
    Input wait(std::chrono::nanoseconds limit) const;

private:
    void enter() const;
    void leave() const;
    void suspend() const;

    termios before_{};
    sigset_t mask_{}; ///< of signals, while it waits
};

} // namespace userblk::ctl
