// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "eventually.hpp"
#include "fd.hpp"

namespace userblk::test {

char process_state(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(in, line))
        return 0;
    // The name in parentheses may hold any character; the state follows the last parenthesis.
    const std::size_t end = line.rfind(')');
    return end == std::string::npos || end + 2 >= line.size() ? '\0' : line[end + 2];
}

// A thread group whose leader is a zombie may have live threads; a pidfd knows.
std::uint64_t moved_by(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/io");
    std::uint64_t sum = 0;
    std::string name;
    for (std::uint64_t value; in >> name >> value;)
        if (name == "rchar:" || name == "wchar:")
            sum += value;
    return sum;
}

std::uint64_t moved_by(const std::vector<pid_t>& pids) {
    std::uint64_t sum = 0;
    for (const pid_t pid : pids)
        sum += moved_by(pid);
    return sum;
}

bool lives(pid_t pid) {
    const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    pollfd entry{pidfd.get(), POLLIN, 0};
    return pidfd.open() && poll(&entry, 1, 0) == 0;
}

bool eventually_in_state(pid_t pid, char state) {
    return eventually([=] { return process_state(pid) == state; });
}

bool eventually_sleeps(pid_t pid) {
    // Seen twice in a row: a single sleep may be a short one on the way there.
    int seen = 0;
    return eventually([&] {
        const char state = process_state(pid);
        seen = state == 'S' || state == 'D' ? seen + 1 : 0;
        return seen >= 4;
    });
}

pid_t thread_id() {
    return static_cast<pid_t>(syscall(SYS_gettid));
}

std::vector<pid_t> threads_of(pid_t pid) {
    std::vector<pid_t> result;
    std::error_code gone;
    std::filesystem::directory_iterator at("/proc/" + std::to_string(pid) + "/task", gone);
    for (; !gone && at != std::filesystem::directory_iterator(); at.increment(gone))
        result.push_back(std::stoi(at->path().filename()));
    return result;
}

std::vector<pid_t> children() {
    std::vector<pid_t> result;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream in(task.path() / "children");
        for (pid_t pid; in >> pid;)
            result.push_back(pid);
    }
    return result;
}

std::size_t kill_children() {
    std::size_t count = 0;
    // Killed children leave their own children to us.
    for (std::vector<pid_t> left; !(left = children()).empty() && count < 10'000;) {
        for (const pid_t pid : left) {
            ::kill(pid, SIGKILL);
            eventually([=] { return waitpid(pid, nullptr, WNOHANG) != 0; });
            count++;
        }
    }
    return count;
}

CommandResult run_command(const std::vector<std::string>& argv) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        throw_errno("unable to make a pipe");
    Fd in(ends[0]), out(ends[1]);
    std::vector<char*> arguments;
    for (const std::string& argument : argv)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const pid_t pid = fork();
    if (pid < 0)
        throw_errno("unable to fork");
    if (!pid) {
        dup2(out.get(), STDOUT_FILENO);
        dup2(out.get(), STDERR_FILENO);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    out.reset();
    CommandResult result{};
    char text[4096];
    for (ssize_t n; (n = read(in.get(), text, sizeof(text))) > 0;)
        result.output.append(text, static_cast<std::size_t>(n));
    int status = 0;
    waitpid(pid, &status, 0);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

void drop_privileges() {
    if (setgroups(0, nullptr) || setresgid(nobody, nobody, nobody) ||
        setresuid(nobody, nobody, nobody))
        throw_errno("unable to drop privileges");
    // A change of credentials cleared it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

OnProcessor::OnProcessor(unsigned int number) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(number, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        throw_errno("unable to bind to a processor");
}

OnProcessor::~OnProcessor() {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned int i = 0; i < CPU_SETSIZE; i++)
        CPU_SET(i, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

unsigned int processors() {
    return static_cast<unsigned int>(sysconf(_SC_NPROCESSORS_ONLN));
}

} // namespace userblk::test
