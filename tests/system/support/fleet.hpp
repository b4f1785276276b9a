// SPDX-License-Identifier: MIT
#pragma once

#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/support/drivers.hpp"

namespace userblk::test {

// The servers of the storm's device. All of them keep the data in the same memory.
enum class WorkerKind {
    copying,          // of the library, by pwrite, one to four threads
    slow,             // the same behind a delay, so that it holds requests for a while
    waiting_in_serve, // the same, inside the system call
    mapping,          // of the library, the store as memory
    bare,             // the example on the bare interface
    erratic,          // gives back, adopts, execs itself: see storm_worker.cpp
    script,           // the example in Python
    pool,             // a supervisor with two workers
    redirecting_pool, // the same; the kernel carries the requests out
};

// A serving process, and how to hurt it.
struct Target {
    pid_t pid = 0;
    WorkerKind kind = WorkerKind::bare;
    bool supervisor = false;
};

// Worker processes of all kinds on one device, as many as wanted.
class Fleet {
public:
    // The segment is in /dev/shm and as large as the device ever gets.
    Fleet(const TestDevice& device, std::string segment, Dice& dice);
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    static std::string segment_path(const std::string& segment);

    void want(unsigned int workers) { wanted_ = workers; }
    // Starts missing workers, of kinds chosen at random.
    void fill();
    // Starts one of this kind, regardless of how many are wanted.
    void add(WorkerKind kind);

    // All living workers, orphans of a dead supervisor included.
    std::vector<Target> workers();
    std::vector<Target> supervisors();
    std::optional<Target> random_worker();
    // One of that kind, if there is one.
    std::optional<Target> random_worker(WorkerKind kind);

    // Stops the supervisors, so that no workers are started, until let_supervise().
    void halt_supervisors();
    void let_supervise();
    // SIGKILL to all, supervisors first; no process is left.
    void kill_all();
    // Workers that exited on their own, with their output.
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
    std::vector<Target> strays_; // orphans of a dead supervisor
    std::map<WorkerKind, unsigned int> started_;
    std::vector<std::string> complaints_;
};

// Whether late answers of such a worker change nothing, its store included: the kernel copies and
// answers in one step. The others write to the store before they answer.
bool is_fenced(WorkerKind kind);
const char* name_of(WorkerKind kind);
bool is_pool(WorkerKind kind);
// Stops the process and waits until all of its threads are stopped; false if it died.
bool hold(pid_t pid);

} // namespace userblk::test
