// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <termios.h>

namespace userblk::ctl {

/// The terminal as a screen that is drawn anew and from which single keys are
/// read. As it was before when the object goes. One at a time.
class Terminal {
public:
    /// Whether there is one to be used: standard input and output are.
    static bool available();

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
    /// Waits for a key, a signal that ends programs, or the end of the time.
    Input wait(std::chrono::nanoseconds limit) const;

private:
    termios before_{};
};

} // namespace userblk::ctl
