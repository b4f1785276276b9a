// SPDX-License-Identifier: MIT
#include "close_watch.hpp"

#include <fstream>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "eventually.hpp"
#include "files.hpp"

namespace userblk::test {

// Events carry no descriptor: creating one would open the file again.
CloseWatch::CloseWatch(const std::string& path)
    : fd_(fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE, 0)) {
    if (!fd_.open())
        throw_errno("unable to use fanotify");
    if (fanotify_mark(fd_.get(), FAN_MARK_ADD, FAN_CLOSE, AT_FDCWD, path.c_str()) < 0)
        throw_errno("unable to watch " + path);
}

pid_t CloseWatch::await() {
    pollfd entry{fd_.get(), POLLIN, 0};
    if (poll(&entry, 1, static_cast<int>(patience.count())) == 1) {
        alignas(fanotify_event_metadata) char buffer[4096];
        const ssize_t length = read(fd_.get(), buffer, sizeof buffer);
        const auto* const event = reinterpret_cast<fanotify_event_metadata*>(buffer);
        if (FAN_EVENT_OK(event, length))
            return event->pid;
    }
    ADD_FAILURE() << "the file was not closed for good";
    return 0;
}

bool is_kernel_thread(pid_t pid) {
    constexpr pid_t kthreadd = 2;
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("PPid:"))
            return std::stoi(line.substr(5)) == kthreadd;
    return false;
}

} // namespace userblk::test
