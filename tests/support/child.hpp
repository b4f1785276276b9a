// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>

#include <sys/types.h>

#include "fd.hpp"

namespace userblk::test {

// The other end of a Child's pipes, inside it. Bounded like everything: a partner that says
// nothing ends the process.
class ChildSide {
public:
    ChildSide(int in, int out) : in_(in), out_(out) {}
    void tell(std::uint64_t value = 0);
    std::uint64_t await();
    // Until it is killed.
    [[noreturn]] void sleep_for_ever();

private:
    int in_;
    int out_;
};

// A forked process that runs a function and exits with what that returns (99 if it throws). It
// inherits what is open and shared. Make it from the test's own thread: it dies with that one.
class Child {
public:
    using Body = std::function<int(ChildSide&)>;

    explicit Child(const Body& body);
    Child(Child&& other) noexcept;
    Child& operator=(Child&& other) noexcept;
    ~Child(); // kills it and reaps it

    pid_t pid() const { return pid_; }
    void tell(std::uint64_t value = 0);
    // A failure of the test, and 0, if nothing comes.
    std::uint64_t await();

    void signal(int number);
    void stop(); // and waits until it is
    void resume();
    void kill(); // SIGKILL, and reaps it
    // Waits for its end: exit status, or 128 and the signal. A failure of the test if none comes.
    int wait();
    // Waits for its end, and leaves it a zombie.
    bool becomes_zombie();

private:
    pid_t pid_ = -1;
    Fd in_;
    Fd out_;
};

} // namespace userblk::test
