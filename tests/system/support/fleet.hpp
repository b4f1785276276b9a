// SPDX-License-Identifier: MIT
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/support/drivers.hpp"

namespace userblk::test {

// What serves the storm's device. All of them keep the data in one and the same memory.
enum class WorkerKind {
    copying,          // of the library, by pwrite, one to four threads
    slow,             // the same behind a delay, so that it has requests in hand for a while
    waiting_in_serve, // the same, inside the system call
    mapping,          // of the library, the store as memory
    bare,             // the example on the bare interface
    erratic,          // gives back, adopts, executes itself: see storm_worker.cpp
    script,           // the example in Python
    pool,             // a supervisor with two workers
    redirecting_pool, // the same; the kernel carries the requests out
};

// One process that serves, and how to hurt it.
struct Target {
    pid_t pid = 0;
    WorkerKind kind = WorkerKind::bare;
    bool supervisor = false;
};

// Worker processes of all kinds on one device, as many as are wanted.
class Fleet {
public:
    // The segment is in /dev/shm, of the device's largest size.
    Fleet(const TestDevice& device, std::string segment, Dice& dice);
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    static std::string segment_path(const std::string& segment);

    void want(unsigned int workers) { wanted_ = workers; }
    // Starts what is missing, of kinds chosen at random.
    void fill();
    // Of the kind alone, whatever is wanted.
    void add(WorkerKind kind);

    // Who lives now. Those whose supervisor died are among them.
    std::vector<Target> workers();
    std::vector<Target> supervisors();
    std::optional<Target> random_worker();
    // One of that kind, if there is one.
    std::optional<Target> random_worker(WorkerKind kind);

    // Stops the supervisors, so that nobody starts workers, until let_supervise().
    void halt_supervisors();
    void let_supervise();
    // SIGKILL to all, supervisors first; nobody is left.
    void kill_all();
    // Those that ended by themselves, with what they said.
    const std::vector<std::string>& complaints() const { return complaints_; }
    // How many were started, by kind.
    const std::map<WorkerKind, unsigned int>& started() const { return started_; }

private:
    struct Member {
        WorkerKind kind;
        Program program;
        std::vector<pid_t> seen{}; // the workers that the supervisor had
    };

    Arguments command(WorkerKind kind);
    std::string store_argument() const { return "file:" + segment_path(segment_); }
    void look_around();

    const TestDevice& device_;
    std::string segment_;
    Dice& dice_;
    unsigned int wanted_ = 4;
    std::list<Member> members_;
    std::vector<Target> strays_; // whose supervisor died
    std::map<WorkerKind, unsigned int> started_;
    std::vector<std::string> complaints_;
};

// Whether late answers of such a worker change nothing, its store included: the kernel copies, in
// the same step as the answer. The others write to the store before they answer.
bool is_fenced(WorkerKind kind);
const char* name_of(WorkerKind kind);
bool is_pool(WorkerKind kind);
// Stops it and waits until all of its threads are; false if it died.
bool hold(pid_t pid);

} // namespace userblk::test
