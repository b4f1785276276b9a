// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace userblk::test {

// The letter of /proc/PID/stat: R, S, D, T, Z …; 0 if there is no such process. With a thread's id:
// that thread's.
char process_state(pid_t pid);
// False once nothing of it can act any more: it has ended with all of its threads, reaped or not.
bool lives(pid_t pid);
// Waits until it sleeps in the kernel, interruptibly or not.
bool eventually_sleeps(pid_t pid);
bool eventually_in_state(pid_t pid, char state);
pid_t thread_id();

// What it has read and written so far by system calls that take its memory, but for ioctl and
// sockets; bytes.
std::uint64_t moved_by(pid_t pid);
std::uint64_t moved_by(const std::vector<pid_t>& pids);

// Children of this process that were not waited for.
std::vector<pid_t> children();
// Kills by pid and reaps them; how many there were.
std::size_t kill_children();

struct CommandResult {
    int status; // as a shell tells it
    std::string output;
};

// Runs a program found on the PATH; what it wrote to both outputs comes back.
CommandResult run_command(const std::vector<std::string>& argv);

// For good: meant for a child. uid 65534 without groups and capabilities.
void drop_privileges();

inline constexpr unsigned int nobody = 65534;

// Binds the calling thread to one processor while it lives.
class OnProcessor {
public:
    explicit OnProcessor(unsigned int number);
    ~OnProcessor();
};

unsigned int processors();

} // namespace userblk::test
