// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>

#include <sys/types.h>

#include "fd.hpp"

namespace userblk::test {

// The child's end of a Child's pipes. Every wait is bounded: if the parent stays silent, the
// process exits.
class ChildSide {
public:
    ChildSide(int in, int out) : in_(in), out_(out) {}
    void tell(std::uint64_t value = 0);
    std::uint64_t await();
    // Returns only by being killed.
    [[noreturn]] void sleep_for_ever();

private:
    int in_;
    int out_;
};

// A forked process that runs a function and exits with its result (99 if it throws). It inherits
// open files and shared memory. Create it in the test's own thread: it dies with that thread.
class Child {
public:
    using Body = std::function<int(ChildSide&)>;

    explicit Child(const Body& body);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child(); // kills it and reaps it

    pid_t pid() const { return pid_; }
    void tell(std::uint64_t value = 0);
    // Fails the test and returns 0 if nothing comes.
    std::uint64_t await();

    void signal(int number);
    void stop(); // and waits until it has stopped
    void resume();
    void kill(); // SIGKILL, and reaps it
    // Waits for its exit: exit status, or 128 plus the signal. Fails the test if it does not exit.
    int wait();
    // Waits for its exit and leaves it a zombie.
    bool becomes_zombie();

private:
    pid_t pid_ = -1;
    Fd in_;
    Fd out_;
};

} // namespace userblk::test
