// SPDX-License-Identifier: MIT
#include "userblk/backends/file_backend.hpp"

#include "ioctl/error.hpp"
#include "userblk/store/file_io.hpp"
#include "userblk/store/store_name_check.hpp"

#include <bit>
#include <fcntl.h>
#include <fstream>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace userblk {

namespace {

constexpr std::uint32_t file_block_size = 512;
constexpr std::uint32_t page = 4096;
constexpr std::uint32_t largest_granularity = 1 << 20;

// An attribute of a disk's queue in sysfs. A partition has no queue directory; its
// disk is one level up.
std::uint64_t queue_attribute(dev_t device, const std::string& name) {
    const std::string folder =
        "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
    for (const auto* queue : {"/queue/", "/../queue/"}) {
        std::ifstream file(folder + queue + name);
        std::uint64_t value = 0;
        if (file >> value)
            return value;
    }
    return 0;
}

template <class Value>
Value ask_disk(int fd, unsigned long command, const char* what) {
    Value value{};
    if (::ioctl(fd, command, &value) < 0)
        abi::throw_errno(std::string("get the disk's ") + what);
    return value;
}

struct stat status_of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        abi::throw_errno("get the status of an open file");
    return status;
}

// O_NOATIME: access times of a store are useless, and updating them costs I/O.
abi::FileDescriptor open_store(const std::string& path, FileBackend::Mode mode, int open_file,
                               int more = 0) {
    const int flags = (mode == FileBackend::Mode::read_only ? O_RDONLY : O_RDWR) | more;
    const auto open = [&](int with) {
        return open_file < 0 ? abi::FileDescriptor::open(path.c_str(), with)
                             : open_again(open_file, path, with);
    };
    try {
        return open(flags | O_NOATIME);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::operation_not_permitted)
            throw;
    }
    return open(flags); // only the owner may use O_NOATIME
}

} // namespace

FileBackend::FileBackend(const std::string& path, Mode mode, DataPath data_path, int open_file)
    : path_(path), fd_(open_store(path, mode, open_file)), data_path_(data_path) {
    if (data_path == DataPath::direct) // reopen the same file, even if the path changes meanwhile
        direct_ = open_store(path, mode, fd_.get(), O_DIRECT);
    const auto status = status_of(fd_.get());
    block_device_ = S_ISBLK(status.st_mode);
    if (!block_device_ && !S_ISREG(status.st_mode))
        throw std::invalid_argument(path + " is neither a regular file nor a block device");
    description_.read_only = mode == Mode::read_only;
    if (block_device_)
        describe_block_device();
    else
        describe_file(static_cast<std::uint64_t>(status.st_size),
                      static_cast<std::uint32_t>(status.st_blksize));
    if (description_.size == 0)
        throw std::invalid_argument(path + " is smaller than a block of " +
                                    std::to_string(description_.logical_block_size) + " bytes");
    size_ = description_.size;
}

void FileBackend::describe_file(std::uint64_t size, std::uint32_t block_size) {
    description_.logical_block_size = file_block_size;
    description_.size = size - size % file_block_size;
    // The page cache lies between the file and its disk.
    description_.cache = description_.fua = true;
    if (description_.read_only)
        return;
    description_.write_zeroes = true;
    // Probe hole punching where it changes nothing: behind the end.
    const auto behind = (size + page - 1) / page * page;
    if (allocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, behind, page))
        return;
    description_.discard = true;
    const bool usable = std::has_single_bit(block_size) && block_size >= file_block_size &&
                        block_size <= largest_granularity;
    description_.discard_granularity = usable ? block_size : page;
}

void FileBackend::describe_block_device() {
    const int fd = fd_.get();
    const auto device = status_of(fd).st_rdev;
    const auto logical = static_cast<std::uint32_t>(ask_disk<int>(fd, BLKSSZGET, "block size"));
    const auto physical = ask_disk<unsigned>(fd, BLKPBSZGET, "physical block size");
    const auto io_opt = ask_disk<unsigned>(fd, BLKIOOPT, "preferred size of I/O");
    description_.size = ask_disk<std::uint64_t>(fd, BLKGETSIZE64, "size");
    description_.logical_block_size = logical;
    description_.physical_block_size = physical;
    description_.io_opt = io_opt % physical == 0 ? io_opt : 0;
    description_.rotational = queue_attribute(device, "rotational") != 0;
    description_.cache = description_.fua = true;
    if (description_.read_only)
        return;
    description_.write_zeroes = true;
    description_.discard = queue_attribute(device, "discard_max_bytes") != 0;
    const auto granularity =
        static_cast<std::uint32_t>(queue_attribute(device, "discard_granularity"));
    if (std::has_single_bit(granularity) && granularity >= logical)
        description_.discard_granularity = granularity;
}

// The file may have grown since the last check.
bool FileBackend::reaches_now(std::uint64_t end) noexcept {
    const auto size = ::lseek(fd_.get(), 0, SEEK_END); // works for files and block devices
    if (size < 0)
        return false;
    size_.store(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
    return end <= static_cast<std::uint64_t>(size);
}

std::error_code FileBackend::read(std::uint64_t offset, std::span<std::byte> data) {
    return read_fully(fd_.get(), data, offset);
}

std::error_code FileBackend::write(std::uint64_t offset, std::span<const std::byte> data,
                                   WriteFlags flags) {
    if (!within(offset + data.size()))
        return std::make_error_code(std::errc::no_space_on_device);
    return write_fully(fd_.get(), data, offset, flags.fua);
}

std::error_code FileBackend::flush() {
    return sync_data(fd_.get());
}

std::error_code FileBackend::punch(std::uint64_t offset, std::uint64_t length) noexcept {
    return allocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

std::error_code FileBackend::zero_range(std::uint64_t offset, std::uint64_t length) noexcept {
    return allocate(fd_.get(), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
}

std::error_code FileBackend::discard(std::uint64_t offset, std::uint64_t length) {
    if (!block_device_)
        return punch(offset, length);
    const std::uint64_t range[2] = {offset, length};
    return ::ioctl(fd_.get(), BLKDISCARD, range) < 0 ? abi::last_error() : std::error_code();
}

std::error_code FileBackend::write_zeroes(std::uint64_t offset, std::uint64_t length,
                                          ZeroFlags flags) {
    if (!within(offset + length))
        return std::make_error_code(std::errc::no_space_on_device);
    auto error = std::make_error_code(std::errc::operation_not_supported);
    if (!flags.keep_allocated)
        error = punch(offset, length);
    if (is_unsupported(error) && can_zero_.load(std::memory_order_relaxed)) {
        error = zero_range(offset, length);
        if (is_unsupported(error))
            can_zero_.store(false, std::memory_order_relaxed);
    }
    if (is_unsupported(error))
        return Backend::write_zeroes(offset, length, flags);
    return !error && flags.fua ? sync_data(fd_.get()) : error;
}

// Leaves operations beyond the end to the other functions, which return the right error:
// the kernel would extend the file. Leaves discards on a disk to them too, because
// discarding blocks is not punching holes.
std::error_code FileBackend::redirect(const Operation& operation, Extents& to) {
    if (operation.kind == Operation::Kind::discard && block_device_)
        return {};
    if (within(operation.offset + operation.length))
        to.add(direct_ ? direct_.get() : fd_.get(), operation.offset, operation.length);
    return {};
}

std::vector<StoreFile> FileBackend::store_files() const {
    return {{path_, file_identity(fd_.get()), fd_.get(), description_.read_only}};
}

} // namespace userblk
