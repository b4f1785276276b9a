// SPDX-License-Identifier: MIT
#include "userblk/ctl/logging.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/text/printable.hpp"

#include <Poco/AutoPtr.h>
#include <Poco/ConsoleChannel.h>
#include <Poco/Exception.h>
#include <Poco/FileChannel.h>
#include <Poco/FormattingChannel.h>
#include <Poco/Logger.h>
#include <Poco/PatternFormatter.h>
#include <Poco/SyslogChannel.h>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk::ctl {

namespace {

constexpr std::string_view file_prefix = "file:";

Poco::Message::Priority priority_of(LogLevel level) {
    switch (level) {
    case LogLevel::error:
        return Poco::Message::PRIO_ERROR;
    case LogLevel::warning:
        return Poco::Message::PRIO_WARNING;
    case LogLevel::notice:
        return Poco::Message::PRIO_NOTICE;
    case LogLevel::information:
        return Poco::Message::PRIO_INFORMATION;
    case LogLevel::debug:
        break;
    }
    return Poco::Message::PRIO_DEBUG;
}

// Processes inherit $JOURNAL_STREAM even if their standard error leads elsewhere: it counts only
// if it names the file ("DEVICE:INODE") that standard error is.
bool is_journal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat about {};
    return stream != nullptr && ::fstat(STDERR_FILENO, &about) == 0 &&
           std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino) == stream;
}

// A journal reads the level from "<N>", notes time and process itself, and has
// the same numbers.
std::string console_pattern() {
    return is_journal() ? "<%l>%t" : "%s: %t";
}

Poco::AutoPtr<Poco::Channel> formatted(const Poco::AutoPtr<Poco::Channel>& channel,
                                       const std::string& pattern) {
    Poco::AutoPtr<Poco::PatternFormatter> formatter(new Poco::PatternFormatter(pattern));
    formatter->setProperty("times", "local");
    return new Poco::FormattingChannel(formatter, channel);
}

Poco::AutoPtr<Poco::Channel> channel_for(const std::string& target) {
    if (target == "syslog")
        return new Poco::SyslogChannel(program_name, Poco::SyslogChannel::SYSLOG_PID,
                                       Poco::SyslogChannel::SYSLOG_DAEMON);
    if (target == "console")
        return formatted(new Poco::ConsoleChannel(std::cerr), console_pattern());
    const auto path = target.substr(file_prefix.size());
    Poco::AutoPtr<Poco::Channel> file(new Poco::FileChannel(path));
    try {
        file->open(); // open it now: the workers may lack the permission
    } catch (const Poco::Exception&) {
        throw Failure("unable to write the log file " + path);
    }
    return formatted(file, "%Y-%m-%d %H:%M:%S.%i %s: %t");
}

} // namespace

void check_log_target(const std::string& target) {
    if (target != "console" && target != "syslog" &&
        !(target.starts_with(file_prefix) && target.size() > file_prefix.size()))
        throw std::invalid_argument("invalid log \"" + target +
                                    "\"; expected console, syslog or file:PATH");
}

LogLevel parse_log_level(const std::string& text) {
    for (const auto level : {LogLevel::error, LogLevel::warning, LogLevel::notice,
                             LogLevel::information, LogLevel::debug})
        if (text == to_string(level))
            return level;
    throw std::invalid_argument("invalid log level \"" + text +
                                "\"; expected error, warning, notice, information or debug");
}

LogFunction make_log(const std::string& target, LogLevel most) {
    auto& logger = Poco::Logger::create(program_name, channel_for(target), priority_of(most));
    return [&logger](LogLevel level, const std::string& text) {
        const auto prefix = level <= LogLevel::warning ? to_string(level) + std::string(": ") : "";
        // getpid each time: workers inherit the function.
        const auto source = program_name + ("[" + std::to_string(::getpid()) + "]");
        logger.log(Poco::Message(source, prefix + printable(text), priority_of(level)));
    };
}

} // namespace userblk::ctl
