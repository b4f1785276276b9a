// SPDX-License-Identifier: MIT
#include "race.hpp"

#include <cstdio>

#include "abi.hpp"

namespace userblk::test {

Window::~Window() {
    std::printf("    window: %s: hit %llu of %llu times\n", what_.c_str(),
                static_cast<unsigned long long>(hits_), static_cast<unsigned long long>(tries_));
    std::fflush(stdout);
    if (!testing::Test::HasFailure()) {
        EXPECT_GT(hits_, 0u) << "the window was never hit: " << what_;
    }
}

void Window::add(std::uint64_t hits, std::uint64_t tries) {
    hits_ += hits;
    tries_ += tries;
}

void Window::set(std::uint64_t hits, std::uint64_t tries) {
    hits_ = hits;
    tries_ = tries;
}

namespace {

void pass(int turns) {
    for (std::atomic<int> i = 0; i < turns; i++)
        ;
}

} // namespace

// Half of the delays are shorter than a system call; the longest cover an emulated CPU that is not
// running at the moment.
void stagger(int round) {
    pass((1 << (round % 20)) / 2 * (8 + round / 20 % 8) / 8);
}

Child& holder_among(std::vector<Child>& workers, int control, std::size_t otherwise) {
    const std::vector<userblk_taken> taken = taken_list(control);
    for (Child& worker : workers)
        if (!taken.empty() && taken[0].pid == worker.pid())
            return worker;
    return workers[otherwise];
}

void Aim::wait() const {
    pass(turns_);
}

} // namespace userblk::test
