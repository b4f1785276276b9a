// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fd.hpp"

namespace userblk::fuzz {

struct Message {
    char what = 0;
    std::string text;
    std::vector<test::Fd> fds;
};

// One end of a connection between two processes.
class Channel {
public:
    static std::pair<Channel, Channel> make();

    void send(char what, const std::string& text = {}, const std::vector<int>& fds = {});
    // Nothing on a timeout; `what` is 0 if the other side is gone.
    std::optional<Message> receive(std::chrono::milliseconds limit);
    Message receive(); // waits without limit
    void close() { fd_.reset(); }

private:
    explicit Channel(int fd) : fd_(fd) {}
    test::Fd fd_;
};

} // namespace userblk::fuzz
