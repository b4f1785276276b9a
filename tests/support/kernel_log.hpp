// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "fd.hpp"

namespace userblk::test {

// The kernel's log from the moment of construction on. Needs root.
class KernelLog {
public:
    KernelLog();
    // Lines that came since the last call.
    std::vector<std::string> read_new();

private:
    Fd fd_;
};

// Writes a line of our own into the log.
void write_kernel_log(const std::string& line);

// The reports (warnings, oopses, hung tasks …) among the lines, each with its lines, but for those
// of which a line matches one of the extended regular expressions.
std::vector<std::string> kernel_reports(const std::vector<std::string>& lines,
                                        const std::vector<std::string>& announced);

} // namespace userblk::test
