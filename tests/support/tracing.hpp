// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fd.hpp"

namespace userblk::test {

// A trace instance with the given tracepoints ("userblk", "block/block_rq_complete") enabled,
// removed with the object. Settings are files of the instance and the text to write to them first.
class Tracing {
public:
    explicit Tracing(std::vector<std::string> events = {"userblk"},
                     const std::map<std::string, std::string>& settings = {});
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
    ~Tracing();

    // The lines of one event so far; the event is named without its subsystem.
    std::vector<std::string> lines(const std::string& event) const;
    // Yields each line once, and EAGAIN when there is none. Close it before this object is
    // destroyed.
    Fd pipe() const;
    void stop() const;
    // Events lost because the buffer was full.
    std::uint64_t lost() const;
    static bool exists(const std::string& event);

private:
    void write(const std::string& file, const std::string& text) const;

    std::string folder_;
    std::vector<std::string> events_;
};

} // namespace userblk::test
