// SPDX-License-Identifier: MIT
#include "kernel_log.hpp"

#include <algorithm>
#include <regex>

#include <gtest/gtest.h>

namespace userblk::test {

namespace {

// Lines that a healthy kernel does not print. The log checker of the virtual machine knows more
// kinds and decides; here a report gets the name of its test.
const std::regex& telling() {
    static const std::regex expression(
        "cut here|WARNING: |BUG: |kernel BUG at|Oops: |Oops\\[#|UBSAN: |KASAN: |KCSAN: |KFENCE: |"
        "Call Trace:|INFO: (task|rcu|possible|trying) |blocked for more than|soft lockup|"
        "hard LOCKUP|workqueue lockup|detected (expedited )?stalls|self-detected stall|"
        "(circular|recursive) locking|inconsistent lock state|suspicious RCU usage|"
        "lock held when|held lock freed|general protection|unable to handle|invalid opcode: |"
        "refcount_t: |list_(add|del)[a-z_]* corruption|DEBUG_LOCKS_WARN_ON|ODEBUG: |"
        "Objects remaining|page allocation failure|Bad page|"
        "cannot create duplicate|failed with error -12|kmem_cache_create.* failed with error -22",
        std::regex::extended | std::regex::optimize);
    return expression;
}

bool contains(const std::string& line, const char* text) {
    return line.find(text) != std::string::npos;
}

// Whether a line belongs to the report before it.
bool continues(const std::string& line, const std::string& newest) {
    return contains(line, "Call Trace:") || contains(newest, "cut here");
}

bool excused(const std::vector<std::string>& report, const std::vector<std::string>& announced) {
    for (const std::string& text : announced) {
        const std::regex expression(text, std::regex::extended);
        for (const std::string& line : report)
            if (std::regex_search(line, expression))
                return true;
    }
    return false;
}

// A data race counts if a frame of the module is involved: the kernel has benign races of its own.
bool race_of_others(const std::vector<std::string>& report) {
    return contains(report.front(), "BUG: KCSAN: ") &&
           std::ranges::none_of(report,
                                [](const auto& line) { return contains(line, "[userblk]"); });
}

// The report, with a trace, that the kernel prints when a test makes the allocation of a slab cache
// fail: ENOMEM, or EINVAL where a later step mistakes the failure for a usage error.
bool denied_cache(const std::vector<std::string>& report) {
    return contains(report.front(), "kmem_cache_create") &&
           (contains(report.front(), "failed with error -12") ||
            contains(report.front(), "failed with error -22"));
}

std::string joined(const std::vector<std::string>& lines) {
    std::string result;
    for (const std::string& line : lines)
        result += "    " + line + "\n";
    return result;
}

} // namespace

KernelLog::KernelLog() : fd_(open_file("/dev/kmsg", O_RDONLY | O_NONBLOCK)) {
    lseek(fd_.get(), 0, SEEK_END);
}

std::vector<std::string> KernelLog::read_new() {
    std::vector<std::string> lines;
    char text[8192];
    for (;;) {
        const ssize_t n = read(fd_.get(), text, sizeof(text));
        if (n < 0 && errno == EPIPE)
            continue; // some were overwritten before they were read
        if (n <= 0)
            return lines;
        // "priority,number,time,flags;message\n KEY=value…"
        const std::string all(text, static_cast<std::size_t>(n));
        const std::size_t from = all.find(';');
        if (from != std::string::npos)
            lines.push_back(all.substr(from + 1, all.find('\n', from) - from - 1));
    }
}

void write_kernel_log(const std::string& line) {
    const Fd fd = open_file("/dev/kmsg", O_WRONLY);
    if (write(fd.get(), line.data(), line.size()) < 0)
        throw_errno("unable to write to the kernel log");
}

std::vector<std::string> kernel_reports(const std::vector<std::string>& lines,
                                        const std::vector<std::string>& announced) {
    std::vector<std::string> result, report;
    std::string newest;
    const auto finish = [&] {
        if (!report.empty() && !race_of_others(report) && !denied_cache(report) &&
            !excused(report, announced))
            result.push_back(joined(report));
        report.clear();
    };
    for (const std::string& line : lines) {
        const bool ours = contains(line, "userblk-test: ");
        const bool tells = !ours && std::regex_search(line, telling());
        if (tells && !(continues(line, newest) && !report.empty()))
            finish();
        if (tells)
            newest = line;
        if (tells || (!report.empty() && report.size() < 60))
            report.push_back(line);
        if (contains(line, "---[ end trace") || contains(line, "=============================="))
            finish();
    }
    finish();
    return result;
}

} // namespace userblk::test
