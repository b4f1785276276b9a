// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"

#include <atomic>
#include <string>

namespace userblk {

/// A store in a regular file or on a block device.
///
/// It is used through the page cache, if not by DataPath::direct. A write is
/// acknowledged when it is there, which outlives the process; flush() and FUA bring it to the disk.
/// Discard punches holes. What the file or the disk below can do is found out when it is opened and
/// told by describe().
class FileBackend final : public Backend {
public:
    enum class Mode { read_write, read_only };
    /// How data get there: copied by this process; by the kernel alone (see
    /// redirect()); or so and past the page cache (O_DIRECT), where alignment
    /// allows.
    enum class DataPath { copy, redirect, direct };

    /// @param open_file a descriptor of the file, which is then opened again, whatever has its
    ///        path by now; -1: what is at the path
    /// @throws std::system_error "unable to open PATH", std::invalid_argument if
    ///         it is neither a regular file nor a block device, or too small for
    ///         a single block
    explicit FileBackend(const std::string& path, Mode mode = Mode::read_write,
                         DataPath data_path = DataPath::copy, int open_file = -1);

    Description describe() const override { return description_; }
    /// EIO beyond the end of a file that has become, or always was, too short.
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    /// ENOSPC beyond the end: a file is never made longer behind its owner's back.
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) override;
    std::error_code flush() override;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) override;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length,
                                 ZeroFlags flags) override;

    std::error_code redirect(const Operation& operation, Extents& to) override;
    bool redirects() const noexcept override { return data_path_ != DataPath::copy; }
    std::vector<StoreFile> store_files() const override;

private:
    void describe_file(std::uint64_t size, std::uint32_t block_size);
    void describe_block_device();
    /// Does the store reach that far?
    bool within(std::uint64_t end) noexcept {
        return end <= size_.load(std::memory_order_relaxed) || reaches_now(end);
    }
    bool reaches_now(std::uint64_t end) noexcept;
    std::error_code punch(std::uint64_t offset, std::uint64_t length) noexcept;
    std::error_code zero_range(std::uint64_t offset, std::uint64_t length) noexcept;

    std::string path_;
    abi::FileDescriptor fd_;
    abi::FileDescriptor direct_; ///< the same with O_DIRECT, for redirect() alone
    DataPath data_path_ = DataPath::copy;
    bool block_device_ = false;
    Description description_;
    std::atomic<std::uint64_t> size_ = 0; ///< as of the last look
    std::atomic<bool> can_zero_ = true;   ///< until the file says no
};

} // namespace userblk
