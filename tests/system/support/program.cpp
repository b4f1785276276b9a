// SPDX-License-Identifier: MIT
#include "tests/system/support/program.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/process.hpp"

namespace userblk::test {

namespace {

Fd make_memory_file(const char* name) {
    Fd fd(memfd_create(name, MFD_CLOEXEC));
    if (!fd.open())
        throw_errno("unable to make a file in memory");
    // Unlike that of other files, its offset is not locked: processes that share it would overwrite
    // each other's lines.
    fcntl(fd.get(), F_SETFL, O_APPEND);
    return fd;
}

std::string content(const Fd& fd) {
    std::string result;
    char text[4096];
    for (ssize_t n;
         (n = pread(fd.get(), text, sizeof(text), static_cast<off_t>(result.size()))) > 0;)
        result.append(text, static_cast<std::size_t>(n));
    return result;
}

[[noreturn]] void become(const Arguments& argv, int out, int err, const Program::Prepare& prepare) {
    std::vector<char*> arguments;
    for (const std::string& argument : argv)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_DFL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    try {
        if (prepare)
            prepare();
        execvp(arguments[0], arguments.data());
        std::perror(arguments[0]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", arguments[0], error.what());
    }
    _exit(127);
}

} // namespace

std::string built(const std::string& name) {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

Program::Program(const Arguments& argv, const Prepare& prepare)
    : over_(false), out_(make_memory_file("out")), err_(make_memory_file("err")), name_(argv[0]) {
    std::fflush(nullptr);
    pid_ = fork();
    if (pid_ < 0)
        throw_errno("unable to fork");
    if (!pid_)
        become(argv, out_.get(), err_.get(), prepare);
    setpgid(pid_, pid_); // parent or child, whichever runs first
    group_ = pid_;
}

Program::Program(Program&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), group_(std::exchange(other.group_, -1)),
      over_(std::exchange(other.over_, true)), status_(other.status_), out_(std::move(other.out_)),
      err_(std::move(other.err_)), name_(std::move(other.name_)) {}

Program& Program::operator=(Program&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(group_, other.group_);
    std::swap(over_, other.over_);
    std::swap(status_, other.status_);
    std::swap(out_, other.out_);
    std::swap(err_, other.err_);
    std::swap(name_, other.name_);
    return *this;
}

Program::~Program() {
    // Until the leader is reaped, no other process can get the group's number.
    if (!over_) {
        ::kill(-group_, SIGKILL);
        eventually([this] { return collect(); });
    }
}

bool Program::collect() {
    int status = 0;
    if (!over_ && waitpid(pid_, &status, WNOHANG) == pid_) {
        over_ = true;
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return over_;
}

bool Program::running() {
    return !collect();
}

void Program::signal(int number) const {
    if (!over_)
        ::kill(pid_, number);
}

void Program::kill() {
    signal(SIGKILL);
    EXPECT_TRUE(eventually([this] { return collect(); })) << name_ << " does not die";
}

void Program::kill_group() {
    if (over_)
        return;
    ::kill(-group_, SIGKILL);
    EXPECT_TRUE(eventually([this] { return collect(); })) << name_ << " does not die";
    // Processes that it left behind are this process's children now, or init's.
    EXPECT_TRUE(eventually([this] {
        while (waitpid(-group_, nullptr, WNOHANG) > 0)
            ;
        return ::kill(-group_, 0) < 0;
    })) << "children of "
        << name_ << " do not die";
}

Outcome Program::wait(std::chrono::milliseconds limit) {
    if (!eventually([this] { return collect(); }, limit)) {
        ADD_FAILURE() << name_ << " does not exit within " << limit.count() << " ms\n"
                      << out() << err();
        ::kill(-group_, SIGKILL);
        eventually([this] { return collect(); });
    }
    return {status_, out(), err()};
}

std::string Program::out() const {
    return content(out_);
}

std::string Program::err() const {
    return content(err_);
}

Outcome run(const Arguments& argv, std::chrono::milliseconds limit,
            const Program::Prepare& prepare) {
    return Program(argv, prepare).wait(limit);
}

std::string succeed(const Arguments& argv, std::chrono::milliseconds limit) {
    const Outcome outcome = run(argv, limit);
    std::string line;
    for (const std::string& argument : argv)
        line += argument + " ";
    EXPECT_EQ(outcome.status, 0) << line << "\n" << outcome.text();
    return outcome.out;
}

Outcome ctl(const Arguments& command) {
    Arguments argv{built("userblkctl")};
    argv.insert(argv.end(), command.begin(), command.end());
    return run(argv, 3 * patience);
}

std::string shell(const std::string& script, const Arguments& arguments,
                  std::chrono::milliseconds limit) {
    Arguments argv{"bash", "-euo", "pipefail", "-c", script, "script"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return succeed(argv, limit);
}

void wrap_userblkctl(const std::string& path, const std::string& before) {
    std::ofstream(path) << "#!/bin/bash\n"
                        << before << "\nexec -a \"$0\" " << built("userblkctl") << " \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms(0755));
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

std::vector<pid_t> children_of(pid_t pid) {
    const std::string id = std::to_string(pid);
    std::ifstream in("/proc/" + id + "/task/" + id + "/children");
    std::vector<pid_t> result;
    for (pid_t child; in >> child;)
        result.push_back(child);
    return result;
}

void kill_each(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids)
        ::kill(pid, SIGKILL);
    for (const pid_t pid : pids)
        EXPECT_TRUE(eventually([=] { return !lives(pid); })) << pid << " does not die";
}

void reap_strays() {
    eventually([] {
        while (waitpid(-1, nullptr, WNOHANG) > 0)
            ;
        return children().empty();
    });
}

} // namespace userblk::test
