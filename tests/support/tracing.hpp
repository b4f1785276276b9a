// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fd.hpp"

namespace userblk::test {

// A trace buffer of its own, in which the given tracepoints ("userblk", "block/block_rq_complete")
// are switched on; gone with the object. Settings are files of the buffer's folder and what to
// write there before that.
class Tracing {
public:
    explicit Tracing(std::vector<std::string> events = {"userblk"},
                     const std::map<std::string, std::string>& settings = {});
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
    ~Tracing();

    // The lines of one event so far, which is named without its subsystem.
    std::vector<std::string> lines(const std::string& event) const;
    // Gives each line once, and EAGAIN when there is none. To be closed before this object goes.
    Fd pipe() const;
    void stop() const;
    // Events that found no room in the buffer.
    std::uint64_t lost() const;
    static bool exists(const std::string& event);

private:
    void write(const std::string& file, const std::string& text) const;

    std::string folder_;
    std::vector<std::string> events_;
};

} // namespace userblk::test
