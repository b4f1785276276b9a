// SPDX-License-Identifier: MIT
//
// Races by design: two who do something at the same moment, and a window that they aim at.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "child.hpp"

namespace userblk::test {

// A moment at which one thing must come in between two others. A race that never hit its window
// proved nothing: when the object goes, it prints how often it did, and fails the test for a zero.
class Window {
public:
    explicit Window(std::string what) : what_(std::move(what)) {}
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    ~Window();

    void tried(bool hit) { add(hit, 1); }
    void add(std::uint64_t hits, std::uint64_t tries);
    // Takes the place of what was added before: for counters of others.
    void set(std::uint64_t hits, std::uint64_t tries);
    std::uint64_t hits() const { return hits_; }
    std::uint64_t missed() const { return tries_ - hits_; }

private:
    std::string what_;
    std::atomic<std::uint64_t> hits_ = 0;
    std::atomic<std::uint64_t> tries_ = 0;
};

// Passes some time without leaving the processor: another span each round, from nothing to some
// milliseconds, so that those who do it before they act come in every order.
void stagger(int round);

// One of the workers that holds a request of this device now; if none does, or it is another's,
// that with the number.
Child& holder_among(std::vector<Child>& workers, int control, std::size_t otherwise);

// Finds the moment of something that takes its time, by coming too early and too late.
class Aim {
public:
    void wait() const;
    void came_early() { turns_ += turns_ / 8 + 1; }
    void came_late() { turns_ -= turns_ / 8; }

private:
    int turns_ = 1000;
};

// Rounds of a race: first and second run at the same moment, in two threads, after prepare and
// before check; now the one is a little later and now the other. So many rounds, and up to twenty
// times as many while met() says no.
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
