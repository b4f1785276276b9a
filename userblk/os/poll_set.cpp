// SPDX-License-Identifier: MIT
#include "userblk/os/poll_set.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <thread>

namespace userblk {

using namespace std::chrono_literals;

std::size_t PollSet::add(int fd, short events) {
    entries_.push_back({fd, events, 0});
    return entries_.size() - 1;
}

bool PollSet::wait_until(Clock::time_point deadline) {
    const bool unlimited = deadline == Clock::time_point::max();
    timespec limit{};
    if (!unlimited) {
        const auto left = std::max<std::chrono::nanoseconds>(deadline - Clock::now(), 0ns);
        limit = {static_cast<time_t>(left.count() / 1'000'000'000),
                 static_cast<long>(left.count() % 1'000'000'000)};
    }
    const int count =
        ::ppoll(entries_.data(), entries_.size(), unlimited ? nullptr : &limit, nullptr);
    if (count < 0 && errno != EINTR)
        std::this_thread::sleep_for(10ms); // ENOMEM: the caller will try again
    return count > 0;
}

} // namespace userblk
