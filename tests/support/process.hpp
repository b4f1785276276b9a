// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace userblk::test {

// The state letter in /proc/PID/stat: R, S, D, T, Z …; 0 if there is no such process. A thread id
// gives that thread's state.
char process_state(pid_t pid);
// False once it can no longer act: it and all its threads have exited, reaped or not.
bool lives(pid_t pid);
// Waits until it sleeps in the kernel, interruptibly or not.
bool eventually_sleeps(pid_t pid);
bool eventually_in_state(pid_t pid, char state);
pid_t thread_id();

// Bytes that it has read and written so far by system calls that transfer its memory, except ioctl
// and sockets.
std::uint64_t moved_by(pid_t pid);
std::uint64_t moved_by(const std::vector<pid_t>& pids);

// The threads of a process, none if it has exited.
std::vector<pid_t> threads_of(pid_t pid);

// Children of this process that have not been reaped.
std::vector<pid_t> children();
// Kills them by pid and reaps them; returns their number.
std::size_t kill_children();

struct CommandResult {
    int status; // as a shell reports it
    std::string output;
};

// Runs a program found on the PATH and returns its output, stdout and stderr together.
CommandResult run_command(const std::vector<std::string>& argv);

// Switches to uid 65534 without groups or capabilities, irrevocably: for use in a child.
void drop_privileges();

inline constexpr unsigned int nobody = 65534;

// Pins the calling thread to one CPU for the lifetime of the object.
class OnProcessor {
public:
    explicit OnProcessor(unsigned int number);
    ~OnProcessor();
};

unsigned int processors();

} // namespace userblk::test
