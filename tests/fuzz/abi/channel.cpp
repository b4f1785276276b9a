// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/channel.hpp"

#include <algorithm>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

namespace userblk::fuzz {

namespace {

constexpr std::size_t most_fds = 32;
constexpr std::size_t most_text = 128 << 10;

union Control {
    char bytes[CMSG_SPACE(most_fds * sizeof(int))];
    cmsghdr align;
};

} // namespace

std::pair<Channel, Channel> Channel::make() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        test::throw_errno("unable to make a socket");
    return {Channel(ends[0]), Channel(ends[1])};
}

void Channel::send(char what, const std::string& text, const std::vector<int>& fds) {
    std::string all = what + text.substr(0, most_text - 1);
    iovec part{all.data(), all.size()};
    Control control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    }
    while (sendmsg(fd_.get(), &message, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            test::throw_errno("unable to tell the other process");
}

std::optional<Message> Channel::receive(std::chrono::milliseconds limit) {
    pollfd entry{fd_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(limit.count()));
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return std::nullopt;
    std::string text(most_text, 0);
    iovec part{text.data(), text.size()};
    Control control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof(control.bytes);
    const ssize_t n = recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
    Message result;
    if (n <= 0)
        return result;
    result.what = text[0];
    result.text = text.substr(1, static_cast<std::size_t>(n) - 1);
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        int fds[most_fds];
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        std::memcpy(fds, CMSG_DATA(header), count * sizeof(int));
        for (std::size_t i = 0; i < count; i++)
            result.fds.emplace_back(fds[i]);
    }
    return result;
}

Message Channel::receive() {
    for (;;)
        if (std::optional<Message> message = receive(std::chrono::hours(1)))
            return std::move(*message);
}

} // namespace userblk::fuzz
