// SPDX-License-Identifier: MIT
//
// Faults injected by the kernel: failed allocations, failed copies of user memory, failing disks.
// Debian's own kernels lack this; the kernel of `scripts/vm debug` has it.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "fd.hpp"

namespace userblk::test {

// Empty if the kernel can inject faults; otherwise the reason for a skip.
std::string why_no_faults();

// Makes one step fail of what the calling thread does in the kernel: the nth allocation, or the nth
// copy from or to user memory.
class FaultPoint {
public:
    explicit FaultPoint(unsigned int n);
    // The operation must be one system call whose memory has been touched before. Returns the
    // operation's result (0 or an errno).
    int run(const std::function<int()>& operation);
    // Whether the operation reached the nth step.
    bool hit() const { return hit_; }
    unsigned int n() const { return n_; }

private:
    void write(unsigned int value) const;
    bool is_over() const;

    Fd file_;
    unsigned int n_;
    bool hit_ = false;
};

// Makes every slab allocation fail that the calling thread makes in the kernel, whatever its flags.
// Which step of a call allocates varies from run to run with the state of the slabs and with what
// the kernel's debugging records.
class NoMemory {
public:
    NoMemory();
    // The operation must be one system call whose memory has been touched before. Returns the
    // operation's result (0 or an errno).
    int run(const std::function<int()>& operation) const;

private:
    void write(char value) const;

    Fd file_;
};

// How often a fault was triggered, and what the operation returned then.
struct FaultTally {
    unsigned int faults = 0;
    std::map<int, unsigned int> outcomes; // by errno; 0: the fault had no effect
    std::string text() const;
};

// Calls the round with n = 1, 2, … until a round ends before its nth step, so that each step fails
// once. Without USERBLK_TEST_LONG in the environment, long calls get only a selection of steps. The
// round returns the result of its operation.
FaultTally fail_each_step(const std::function<int(FaultPoint&)>& round);

// Makes requests to a disk (loopN) fail for the lifetime of the object.
class FailingDisk {
public:
    // per_cent: the share of requests that fail.
    explicit FailingDisk(const std::string& disk, unsigned int per_cent = 100);
    FailingDisk(const FailingDisk&) = delete;
    FailingDisk& operator=(const FailingDisk&) = delete;
    ~FailingDisk();

private:
    std::string switch_;
};

} // namespace userblk::test
