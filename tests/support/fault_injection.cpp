// SPDX-License-Identifier: MIT
#include "fault_injection.hpp"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

namespace userblk::test {

namespace {

const std::string faults = "/sys/kernel/debug/";

void set(const std::string& file, const std::string& value) {
    const Fd fd = open_file(file, O_WRONLY);
    if (::write(fd.get(), value.data(), value.size()) < 0)
        throw_errno("unable to write to " + file);
}

// Any allocation may fail, even one that could wait. The kernel prints no report of it, because the
// log checker would take that for a fault of the module.
void set_up_kinds() {
    for (const char* kind : {"failslab", "fail_page_alloc", "fail_usercopy", "fail_make_request"})
        set(faults + kind + "/verbose", "0");
    set(faults + "failslab/ignore-gfp-wait", "N");
    set(faults + "failslab/cache-filter", "N");
    set(faults + "fail_page_alloc/ignore-gfp-wait", "N");
    set(faults + "fail_page_alloc/ignore-gfp-highmem", "N");
    set(faults + "fail_page_alloc/min-order", "0");
}

// In the long form, every step. In the short form, every step at first (most calls make no more
// than those), then fewer and fewer: creating a disk takes a few thousand.
unsigned int step_after(unsigned int n) {
    return std::getenv("USERBLK_TEST_LONG") ? n + 1 : n + 1 + n / 16;
}

// No call has this many steps.
constexpr unsigned int too_many = 20'000;

} // namespace

std::string why_no_faults() {
    for (const char* kind : {"failslab", "fail_page_alloc", "fail_usercopy", "fail_make_request"})
        if (!std::filesystem::exists(faults + kind))
            return std::string("a kernel that can inject faults (no ") + kind + ")";
    if (!std::filesystem::exists("/proc/thread-self/fail-nth"))
        return "a kernel with /proc/PID/fail-nth";
    return "";
}

FaultPoint::FaultPoint(unsigned int n)
    : file_(open_file("/proc/thread-self/fail-nth", O_RDWR)), n_(n) {}

// The write itself copies from user memory and may trigger a pending fault.
void FaultPoint::write(unsigned int value) const {
    const std::string text = std::to_string(value);
    for (int tries = 0; tries < 3; tries++)
        if (pwrite(file_.get(), text.data(), text.size(), 0) >= 0)
            return;
    throw_errno("unable to write to fail-nth");
}

// Whether the fault has been triggered. The read itself copies to user memory and may trigger it.
bool FaultPoint::is_over() const {
    char text[16] = {};
    if (pread(file_.get(), text, sizeof(text) - 1, 0) < 0)
        return false;
    return std::atoi(text) == 0;
}

int FaultPoint::run(const std::function<int()>& operation) {
    write(n_);
    const int result = operation();
    hit_ = is_over();
    write(0);
    return result;
}

NoMemory::NoMemory() : file_(open_file("/proc/thread-self/make-it-fail", O_RDWR)) {
    set_up_kinds();
    set(faults + "failslab/task-filter", "Y");
    set(faults + "failslab/interval", "1");
    set(faults + "failslab/space", "0");
    set(faults + "failslab/times", "-1");
}

void NoMemory::write(char value) const {
    if (pwrite(file_.get(), &value, 1, 0) < 0)
        throw_errno("unable to write to make-it-fail");
}

int NoMemory::run(const std::function<int()>& operation) const {
    set(faults + "failslab/probability", "100");
    write('1');
    const int result = operation();
    write('0');
    set(faults + "failslab/probability", "0");
    return result;
}

std::string FaultTally::text() const {
    std::string result = std::to_string(faults) + " faults:";
    for (const auto& [error, count] : outcomes)
        result +=
            ' ' + std::string(error ? strerrorname_np(error) : "ok") + ' ' + std::to_string(count);
    return result;
}

FaultTally fail_each_step(const std::function<int(FaultPoint&)>& round) {
    FaultTally tally;
    set_up_kinds();
    for (unsigned int n = 1; n < too_many; n = step_after(n)) {
        FaultPoint point(n);
        const int error = round(point);
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "so it ended with step " << n << " failing: " << strerror(error);
            return tally;
        }
        if (!point.hit()) {
            EXPECT_EQ(error, 0) << "without a fault";
            return tally;
        }
        tally.faults++;
        tally.outcomes[error]++;
    }
    ADD_FAILURE() << "there is no end of steps";
    return tally;
}

FailingDisk::FailingDisk(const std::string& disk, unsigned int per_cent)
    : switch_("/sys/block/" + disk + "/make-it-fail") {
    set_up_kinds();
    const std::string kind = faults + "fail_make_request";
    set(kind + "/task-filter", "N");
    set(kind + "/interval", "1");
    set(kind + "/space", "0");
    set(kind + "/times", "-1");
    set(kind + "/probability", std::to_string(per_cent));
    set(switch_, "1");
}

FailingDisk::~FailingDisk() {
    set(switch_, "0");
    set(faults + "fail_make_request/probability", "0");
}

} // namespace userblk::test
