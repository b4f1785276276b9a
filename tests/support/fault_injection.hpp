// SPDX-License-Identifier: MIT
//
// Faults that the kernel makes on demand: memory that is not there, user memory that cannot be
// copied, disks that fail. Debian's own kernels cannot; scripts/vm debug can.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "fd.hpp"

namespace userblk::test {

// What the kernel was built for, or why not: "" or a reason to skip.
std::string why_no_faults();

// One step of what the calling thread does in the kernel fails: an allocation, or a copy from or to
// user memory, whichever is the nth.
class FaultPoint {
public:
    explicit FaultPoint(unsigned int n);
    // The operation is to be one system call, of memory that was touched before. What it returns
    // (0 or an errno) comes back.
    int run(const std::function<int()>& operation);
    // Whether the operation got as far as the nth step.
    bool hit() const { return hit_; }
    unsigned int n() const { return n_; }

private:
    void write(unsigned int value) const;
    bool is_over() const;

    Fd file_;
    unsigned int n_;
    bool hit_ = false;
};

// What the calling thread does in the kernel finds no memory in any slab, however it asks: which
// step of a call is an allocation differs from one time to the next, with what the slabs hold and
// what the detectors of mistakes note down.
class NoMemory {
public:
    NoMemory();
    // The operation is to be one system call, of memory that was touched before. What it returns
    // (0 or an errno) comes back.
    int run(const std::function<int()>& operation) const;

private:
    void write(char value) const;

    Fd file_;
};

// How often a fault was met, and what the operation said then.
struct FaultTally {
    unsigned int faults = 0;
    std::map<int, unsigned int> outcomes; // by errno; 0: the fault made no difference
    std::string text() const;
};

// Calls the round with n = 1, 2, … until one does not get as far as its fault: so every step fails
// once; without USERBLK_TEST_LONG in the environment, of calls with many steps a choice. The round
// returns what its operation returned.
FaultTally fail_each_step(const std::function<int(FaultPoint&)>& round);

// A disk (loopN) whose requests fail while the object lives.
class FailingDisk {
public:
    // per_cent: how many of them.
    explicit FailingDisk(const std::string& disk, unsigned int per_cent = 100);
    FailingDisk(const FailingDisk&) = delete;
    FailingDisk& operator=(const FailingDisk&) = delete;
    ~FailingDisk();

private:
    std::string switch_;
};

} // namespace userblk::test
