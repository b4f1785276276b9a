// SPDX-License-Identifier: MIT
//
// Deliberate races: two parties act at the same moment and aim at a window.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "child.hpp"

namespace userblk::test {

// A moment at which one event must fall between two others. A race that never hits its window
// proves nothing: the destructor prints how often it was hit and fails the test if it never was.
class Window {
public:
    explicit Window(std::string what) : what_(std::move(what)) {}
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    ~Window();

    void tried(bool hit) { add(hit, 1); }
    void add(std::uint64_t hits, std::uint64_t tries);
    // Replaces what was added before: for counters kept elsewhere.
    void set(std::uint64_t hits, std::uint64_t tries);
    std::uint64_t hits() const { return hits_; }
    std::uint64_t missed() const { return tries_ - hits_; }

private:
    std::string what_;
    std::atomic<std::uint64_t> hits_ = 0;
    std::atomic<std::uint64_t> tries_ = 0;
};

// Spins for a while without leaving the CPU: a different delay each round, from nothing to a few
// milliseconds, so that racing parties that call it first act in every order.
void stagger(int round);

// One of the workers that holds a request of this device now; `otherwise` gives the worker to
// return if none does or the holder is not among them.
Child& holder_among(std::vector<Child>& workers, int control, std::size_t otherwise);

// Homes in on the moment of something that takes time, by coming too early and too late.
class Aim {
public:
    void wait() const;
    void came_early() { turns_ += turns_ / 8 + 1; }
    void came_late() { turns_ -= turns_ / 8; }

private:
    int turns_ = 1000;
};

// Rounds of a race: first and second run at the same moment in two threads, after prepare and
// before check; each is sometimes a little later than the other. Runs the given number of rounds,
// and up to twenty times as many while met() returns false.
template <class Prepare, class First, class Second, class Check, class Met>
void race(int rounds, Prepare prepare, First first, Second second, Check check, Met met) {
    constexpr int over = -1;
    std::atomic<int> turn = 0, done = 0;
    std::thread other([&] {
        for (int round = 1;; round++) {
            int now;
            while ((now = turn) < round && now != over)
                ;
            if (now == over)
                return;
            if (round % 2)
                stagger(round / 2);
            second(round);
            done = round;
        }
    });
    const auto goes_on = [&](int round) {
        return !testing::Test::HasFailure() &&
               (round <= rounds || (round <= 20 * rounds && !met()));
    };
    for (int round = 1; goes_on(round); round++) {
        prepare(round);
        turn = round;
        if (round % 2 == 0)
            stagger(round / 2);
        first(round);
        while (done < round)
            ;
        check(round);
    }
    turn = over;
    other.join();
}

} // namespace userblk::test
