// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend.hpp"

#include <atomic>
#include <string>

namespace userblk {

/// A store in a regular file or on a block device.
///
/// I/O goes through the page cache, except with DataPath::direct. A write is acknowledged once
/// it is in the page cache, which outlives the process; flush() and FUA write it to the disk.
/// Discard punches holes. The constructor probes what the file or disk supports; describe()
/// reports it.
class FileBackend final : public Backend {
public:
    enum class Mode { read_write, read_only };
    /// How data moves: copied by this process; by the kernel alone (see redirect());
    /// or by the kernel and past the page cache (O_DIRECT), where alignment allows.
    enum class DataPath { copy, redirect, direct };

    /// @param open_file a descriptor of the file to reopen, even if @p path now leads elsewhere;
    ///        -1: open @p path
    /// @throws std::system_error "unable to open PATH", std::invalid_argument if
    ///         it is neither a regular file nor a block device, or smaller than one
    ///         block
    explicit FileBackend(const std::string& path, Mode mode = Mode::read_write,
                         DataPath data_path = DataPath::copy, int open_file = -1);

    Description describe() const override { return description_; }
    /// EIO beyond the end of a file that is too short.
    std::error_code read(std::uint64_t offset, std::span<std::byte> data) override;
    /// ENOSPC beyond the end: never extends the file.
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
    /// Whether the store extends to @p end.
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
    std::atomic<std::uint64_t> size_ = 0; ///< when last checked
    std::atomic<bool> can_zero_ = true;   ///< until the file refuses
};

} // namespace userblk
