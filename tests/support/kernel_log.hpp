// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "fd.hpp"

namespace userblk::test {

// The kernel log from construction on. Needs root.
class KernelLog {
public:
    KernelLog();
    // Lines since the last call.
    std::vector<std::string> read_new();

private:
    Fd fd_;
};

// Writes a line into the kernel log.
void write_kernel_log(const std::string& line);

// The reports (warnings, oopses, hung tasks …) among the lines, each with its lines, except those
// with a line that matches one of the extended regular expressions.
std::vector<std::string> kernel_reports(const std::vector<std::string>& lines,
                                        const std::vector<std::string>& announced);

} // namespace userblk::test
