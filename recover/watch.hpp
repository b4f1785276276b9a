// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace userblk::inspect {
struct Survey;
}

namespace userblk::recovery {

struct WatchOptions {
    std::string program;              ///< for messages on standard error
    std::vector<std::string> devices; ///< none: all, also those to come
    bool reset = false;               ///< put back what the dead hold
    bool json = false;                ///< one JSON text per event and line
};

/// One line of JSON each: requests of the dead were found, some were put back, the
/// device was removed.
std::string orphaned_event(const inspect::Survey& survey);
std::string put_back_event(std::uint32_t number, std::string_view name, std::uint32_t count);
std::string removed_event(std::uint32_t number, std::string_view name);

/// Tells of requests of the dead as the kernel tells of them, and puts them back
/// if it is asked to. Asleep in between; asks nothing periodically.
class Watcher {
public:
    /// @throws abi::NoSuchDevice, cli::Failure if a device that was named cannot be
    ///         watched
    Watcher(WatchOptions options, std::ostream& out);

    /// Returns when all devices that were named have been removed, or nothing can
    /// be told any more.
    void run();

private:
    struct Watched {
        abi::ControlNode node;
        std::string name;
        std::vector<std::uint64_t> orphans; ///< the ids that were told of
    };

    void add(std::uint32_t number);
    void add_new_ones();
    void drain_inotify();
    void look_at(std::uint64_t key, bool removed);
    void act(Watched& watched);
    void tell(const Watched& watched);
    void report(const Watched& watched, const std::string& json, const std::string& text);

    WatchOptions options_;
    std::ostream& out_;
    abi::FileDescriptor epoll_;
    abi::FileDescriptor inotify_;
    std::map<std::uint64_t, Watched> watched_; ///< by a key of its own, 1 and up
    std::uint64_t last_key_ = 0;
};

} // namespace userblk::recovery
