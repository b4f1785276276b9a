// SPDX-License-Identifier: MIT
#include "userblk/log.hpp"

#include "userblk/text/printable.hpp"

#include <unistd.h>

namespace userblk {

void write_log(const LogFunction& log, LogLevel level, const std::string& text) noexcept {
    try {
        if (log)
            log(level, text);
    } catch (...) {
    }
}

const char* to_string(LogLevel level) noexcept {
    switch (level) {
    case LogLevel::error:
        return "error";
    case LogLevel::warning:
        return "warning";
    case LogLevel::notice:
        return "notice";
    case LogLevel::information:
        return "information";
    case LogLevel::debug:
        return "debug";
    }
    return "unknown";
}

LogFunction log_to_stderr(std::string program, LogLevel most) {
    return [program = std::move(program), most](LogLevel level, const std::string& text) {
        if (level > most)
            return;
        // getpid each time: workers inherit the function.
        std::string line = program + "[" + std::to_string(::getpid()) + "]: ";
        if (level <= LogLevel::warning)
            line.append(to_string(level)).append(": ");
        line.append(printable(text)).append("\n");
        // One write, so that lines of several processes do not mix. A failure cannot
        // be reported.
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
    };
}

} // namespace userblk
