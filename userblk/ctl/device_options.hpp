// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/device.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace userblk::ctl {

class CommandLine;

/// The options for a new device, of "create" and "serve --create".
class DeviceOptions {
public:
    void declare(CommandLine& line);

    /// @p base with the given options, checked.
    /// @throws UsageError
    DeviceConfig apply(DeviceConfig base) const;

    std::uint64_t size() const noexcept { return size_.value_or(0); }
    /// Refuses a --size of 0, which size() does not distinguish from none.
    /// @throws UsageError
    void check_size_given() const;
    /// Of logical blocks; @p standard without --block-size.
    std::uint32_t block_size(std::uint32_t standard) const noexcept {
        return block_size_.value_or(0) == 0 ? standard : *block_size_;
    }
    bool no_redirect() const noexcept { return no_redirect_; }
    bool read_only() const noexcept { return read_only_; }
    const std::string& name() const noexcept { return name_; }

private:
    void declare_geometry(CommandLine& line);
    void declare_features(CommandLine& line);
    void declare_node(CommandLine& line);

    std::optional<std::uint64_t> size_;
    std::string name_;
    std::optional<std::uint32_t> number_;
    std::optional<std::uint32_t> queues_, depth_;
    std::optional<std::uint32_t> block_size_, physical_block_size_, io_min_, io_opt_;
    std::optional<std::uint32_t> max_transfer_, chunk_size_, discard_granularity_;
    bool read_only_ = false, rotational_ = false, stable_writes_ = false;
    bool no_cache_ = false, no_fua_ = false, no_discard_ = false, no_write_zeroes_ = false;
    bool no_partitions_ = false;
    bool allow_redirect_ = false, no_redirect_ = false;
    std::optional<std::chrono::nanoseconds> queue_limit_;
    std::optional<std::uint32_t> delivery_limit_;
    std::optional<StoreClass> store_class_;
    std::chrono::nanoseconds store_wait_{0};
    std::optional<uid_t> owner_;
    std::optional<gid_t> group_;
    std::optional<mode_t> mode_;
};

/// A store class as written on a command line: "process", "fenced", "unfenced", "wait:TIME".
/// @throws std::invalid_argument
std::pair<StoreClass, std::chrono::nanoseconds> parse_store_class(const std::string& text);

/// A user's or group's number by name or number.
/// @throws std::invalid_argument if it does not exist
uid_t user_number(const std::string& text);
gid_t group_number(const std::string& text);

} // namespace userblk::ctl
