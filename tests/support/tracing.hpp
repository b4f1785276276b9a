// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace userblk::test {

// A trace buffer of its own with all tracepoints of the module switched on; gone with the object.
class Tracing {
public:
    Tracing();
    Tracing(const Tracing&) = delete;
    Tracing& operator=(const Tracing&) = delete;
    ~Tracing();

    // The lines of one event so far.
    std::vector<std::string> lines(const std::string& event) const;
    static bool exists(const std::string& event);

private:
    std::string folder_;
    bool recorded_names_;
};

} // namespace userblk::test
