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
    int status = 0; // as a shell reports it: 128 and the signal
    std::string out;
    std::string err;

    std::string text() const { return out + err; }
};

// The path of a program built together with this one.
std::string built(const std::string& name);

// A program found on the PATH, running in parallel with the test, in its own process group. It dies
// with the thread that started it.
class Program {
public:
    // Called in the new process before the program begins.
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
    // The same to its whole process group; no process of it acts afterwards.
    void kill_group();
    // Waits for its exit. If none comes within the limit the test fails, and the program is killed.
    Outcome wait(std::chrono::milliseconds limit = patience);
    // Its output so far.
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
// The same, and the test fails if the program fails. Returns its standard output.
std::string succeed(const Arguments& argv, std::chrono::milliseconds limit = 2 * patience);
// Runs userblkctl.
Outcome ctl(const Arguments& command);
// With the shell; $1 … are the arguments.
std::string shell(const std::string& script, const Arguments& arguments = {},
                  std::chrono::milliseconds limit = 2 * patience);

bool has(const std::string& text, const std::string& part);

// A script at this path that executes userblkctl with its own arguments, after these lines.
void wrap_userblkctl(const std::string& path, const std::string& before);

// The children of a process, of any user.
std::vector<pid_t> children_of(pid_t pid);
// SIGKILL to each; waits until none of them can act.
void kill_each(const std::vector<pid_t>& pids);
// Reaps orphans that this process inherited, for as long as they take to exit.
void reap_strays();

} // namespace userblk::test
