// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/eventually.hpp"
#include "tests/support/fd.hpp"

namespace userblk::test {

using Arguments = std::vector<std::string>;

// How a program ended.
struct Outcome {
    int status = 0; // as a shell tells it: 128 and the signal
    std::string out;
    std::string err;

    std::string text() const { return out + err; }
};

// Where the programs are that were built together with this one.
std::string built(const std::string& name);

// A program found on the PATH, running beside the test, in a process group of its own. It dies with
// the thread that started it.
class Program {
public:
    // Done in the new process before the program begins.
    using Prepare = std::function<void()>;

    explicit Program(const Arguments& argv, const Prepare& prepare = {});
    Program(Program&& other) noexcept;
    Program& operator=(Program&& other) noexcept;
    ~Program(); // kills its process group and reaps it

    pid_t pid() const { return pid_; }
    bool running();
    void signal(int number) const;
    // SIGKILL to this process alone, which is reaped.
    void kill();
    // The same to its whole process group; nothing of it acts any more afterwards.
    void kill_group();
    // Waits for its end. A failure of the test if none comes within the limit; then it is killed.
    Outcome wait(std::chrono::milliseconds limit = patience);
    // What it wrote so far.
    std::string out() const;
    std::string err() const;

private:
    bool collect();

    pid_t pid_ = -1;
    pid_t group_ = -1;
    bool over_ = true;
    int status_ = 0;
    Fd out_, err_;
    std::string name_;
};

// Runs a program to its end, for at most that long.
Outcome run(const Arguments& argv, std::chrono::milliseconds limit = 2 * patience,
            const Program::Prepare& prepare = {});
// The same, and a failure of the test if it fails. What it wrote to standard output comes back.
std::string succeed(const Arguments& argv, std::chrono::milliseconds limit = 2 * patience);
// userblkctl.
Outcome ctl(const Arguments& command);
// With the shell; $1 … are the arguments.
std::string shell(const std::string& script, const Arguments& arguments = {},
                  std::chrono::milliseconds limit = 2 * patience);

bool has(const std::string& text, const std::string& part);

// The children of a process, whoever it belongs to.
std::vector<pid_t> children_of(pid_t pid);
// SIGKILL to each, and waits until nothing of them can act any more.
void kill_each(const std::vector<pid_t>& pids);
// Reaps processes that were left to this one, for as long as it takes them to end.
void reap_strays();

} // namespace userblk::test
