// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace userblk::recovery {

struct WatchOptions {
    std::string program;              ///< for messages on standard error
    std::vector<std::string> devices; ///< none: all, also those to come
    bool reset = false;               ///< put back what the dead hold
    bool json = false;                ///< one JSON text per event and line
};

struct Survey;

/// What is told in JSON when requests of the dead are found.
std::string orphaned_event(const Survey& survey);

/// Tells of requests of the dead as the kernel tells of them, and puts them back
/// if it is asked to. Asleep in between; asks nothing periodically.
class Watcher {
public:
    /// @throws abi::NoSuchDevice, Failure if a device that was named cannot be
    ///         watched
    Watcher(WatchOptions options, std::ostream& out);

    /// Returns when all devices that were named have been removed, or nothing can
    /// be told any more.
    void run();

private:
    struct Watched {
        abi::ControlNode node;
        std::vector<std::uint64_t> orphans; ///< the ids that were told of
    };

    void add(std::uint32_t number);
    void add_new_ones();
    void drain_inotify();
    void look_at(std::uint64_t key, bool removed);
    void act(Watched& watched);
    void tell(const Watched& watched);
    void event(const char* name, std::uint32_t number, const std::string& text,
               std::uint64_t requests);

    WatchOptions options_;
    std::ostream& out_;
    abi::FileDescriptor epoll_;
    abi::FileDescriptor inotify_;
    std::map<std::uint64_t, Watched> watched_; ///< by a key of its own, 1 and up
    std::uint64_t last_key_ = 0;
};

} // namespace userblk::recovery
