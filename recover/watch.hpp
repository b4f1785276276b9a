// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/control_node.hpp"
#include "ioctl/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace userblk::inspect {
struct Survey;
}

namespace userblk::recovery {

struct WatchOptions {
    std::string program;              ///< for messages on standard error
    std::vector<std::string> devices; ///< none: all, also those created later
    bool reset = false;               ///< put back the requests of dead processes
    bool json = false;                ///< one JSON text per event and line
};

/// One line of JSON each: requests of dead processes were found, some were put back,
/// the device was removed.
std::string orphaned_event(const inspect::Survey& survey);
std::string put_back_event(std::uint32_t number, std::string_view name, std::uint32_t count);
std::string removed_event(std::uint32_t number, std::string_view name);

/// Reports requests of dead processes when the kernel does, and puts them back if
/// options.reset, as far as the device's store class allows. Sleeps in between; does not poll
/// periodically.
class Watcher {
public:
    /// @throws abi::NoSuchDevice, cli::Failure if a named device cannot be watched
    Watcher(WatchOptions options, std::ostream& out);

    /// Returns when all named devices have been removed, or the output fails.
    void run();

private:
    struct Watched {
        abi::ControlNode node;
        std::string name;
        std::vector<std::uint64_t> orphans; ///< the ids already reported
        /// When more may be put back without another event.
        std::optional<std::chrono::steady_clock::time_point> again{};
    };

    void add(std::uint32_t number);
    void add_new_ones();
    void drain_inotify();
    void look_at(std::uint64_t key, bool removed);
    int timeout() const;
    void look_at_due_ones();
    void act(Watched& watched);
    bool put_back(Watched& watched);
    void report_orphans(const Watched& watched);
    void report(const Watched& watched, const std::string& json, const std::string& text);

    WatchOptions options_;
    std::ostream& out_;
    abi::FileDescriptor epoll_;
    abi::FileDescriptor inotify_;
    std::map<std::uint64_t, Watched> watched_; ///< by a unique key, 1 and up
    std::uint64_t last_key_ = 0;
};

} // namespace userblk::recovery
