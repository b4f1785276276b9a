// SPDX-License-Identifier: MIT
#include "userblk/device.hpp"

#include "ioctl/control_device.hpp"
#include "ioctl/error.hpp"
#include "ioctl/nodes.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/device/udev_links.hpp"
#include "userblk/os/deadline.hpp"
#include "userblk/os/pidfd.hpp"
#include "userblk/shared_memory.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <new>
#include <poll.h>
#include <stdexcept>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk {

namespace {

std::uint64_t flags_of(const DeviceConfig& config) {
    const auto flag = [](bool set, std::uint64_t bit) { return set ? bit : 0; };
    return flag(config.read_only, USERBLK_F_READ_ONLY) |
           flag(config.rotational, USERBLK_F_ROTATIONAL) | flag(config.cache, USERBLK_F_CACHE) |
           flag(config.fua && config.cache, USERBLK_F_FUA) |
           flag(config.discard, USERBLK_F_DISCARD) |
           flag(config.write_zeroes, USERBLK_F_WRITE_ZEROES) |
           flag(config.stable_writes, USERBLK_F_STABLE_WRITES) |
           flag(!config.partitions, USERBLK_F_NO_PARTITIONS) |
           flag(config.redirect == true, USERBLK_F_REDIRECT) |
           flag(config.redirect == false, USERBLK_F_NO_REDIRECT);
}

userblk_config kernel_config(const DeviceConfig& config) {
    userblk_config result{};
    result.size = config.size;
    result.flags = flags_of(config);
    result.queue_limit_ns = static_cast<std::uint64_t>(config.queue_limit.count());
    result.logical_block_size = config.logical_block_size;
    result.physical_block_size = config.physical_block_size;
    result.io_min = config.io_min;
    result.io_opt = config.io_opt;
    result.max_transfer = config.max_transfer;
    result.chunk_size = config.chunk_size;
    result.discard_granularity = config.discard ? config.discard_granularity : 0;
    result.queues = config.queues;
    result.depth = config.depth;
    result.delivery_limit = config.delivery_limit;
    result.store_class = static_cast<std::uint32_t>(config.store_class);
    result.store_wait_ns = static_cast<std::uint64_t>(config.store_wait.count());
    result.uid = config.owner;
    result.gid = config.group;
    result.mode = config.mode;
    result.number = config.number.value_or(USERBLK_ANY_NUMBER);
    // One less than the array: the last byte stays NUL.
    config.name.copy(result.name, sizeof(result.name) - 1);
    return result;
}

// Common mistakes, for which the kernel returns a bare "invalid argument".
void check(const DeviceConfig& config) {
    const auto block = config.logical_block_size != 0
                           ? config.logical_block_size
                           : static_cast<std::uint32_t>(USERBLK_DEFAULT_BLOCK_SIZE);
    if (config.size == 0)
        throw std::invalid_argument("a device cannot have size 0; the minimum is " +
                                    std::to_string(block) + " bytes");
    if (config.size % block != 0)
        throw std::invalid_argument("the size " + std::to_string(config.size) +
                                    " is not a multiple of the block size " +
                                    std::to_string(block) + "; expected one, such as " +
                                    std::to_string((config.size / block + 1) * block));
    if (config.name.size() >= USERBLK_NAME_LEN)
        throw std::invalid_argument("the name \"" + config.name +
                                    "\" is too long; expected at most " +
                                    std::to_string(USERBLK_NAME_LEN - 1) + " characters");
    if (config.queue_limit.count() < 0)
        throw std::invalid_argument("the queue limit is negative; expected a time, or 0 for none");
    if (config.store_wait.count() < 0 ||
        (config.store_wait.count() > 0 && config.store_class != StoreClass::unfenced))
        throw std::invalid_argument("only a device for a store that cannot be fenced has a time "
                                    "after which requests of the dead are put back");
}

// An old module would put back the requests of the dead at once.
void check_store_class(const DeviceConfig& config, abi::ControlDevice& control) {
    if (config.store_class == StoreClass::process ||
        (control.list().features & USERBLK_FEATURE_STORE_CLASS) != 0)
        return;
    throw std::runtime_error("the loaded kernel module is too old for a store whose writes do not "
                             "end with its worker; load the one that belongs to this program");
}

// All that the child runs: it may not allocate, lock, or return. It stores the result in shared
// memory, because a parent that ignores SIGCHLD gets no exit status.
[[noreturn]] void read_first_block(const char* path, dev_t number, std::atomic<int>& result) {
    // Readers that wait for the end of the parent's output do not wait for the child.
    ::close_range(0, ~0U, 0);
    alignas(4096) static std::byte block[4096];
    struct stat about {};
    const int fd = ::open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd >= 0 && (::fstat(fd, &about) < 0 || !S_ISBLK(about.st_mode) ||
                    (number != 0 && about.st_rdev != number)))
        result = ENOTBLK; // replaced meanwhile
    else if (fd < 0 || ::pread(fd, block, sizeof(block), 0) < 0)
        result = errno;
    else
        result = 0;
    ::_exit(0);
}

using Clock = std::chrono::steady_clock;

// A device that has never been served has no data to read. Polls it periodically, and
// returns at once when it is removed.
bool wait_served(const abi::ControlNode& node, Clock::time_point end) {
    constexpr auto look_every = std::chrono::milliseconds(10);
    while (node.info().device.state == USERBLK_STATE_NEW) {
        if (Clock::now() >= end)
            return false;
        pollfd entry{node.fd(), 0, 0};
        ::poll(&entry, 1, look_every.count());
    }
    return true;
}

int poll_timeout(std::chrono::nanoseconds limit) {
    if (limit == infinity)
        return -1;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(limit).count();
    return static_cast<int>(std::clamp<std::int64_t>(ms, 0, std::numeric_limits<int>::max()));
}

// Users of the path would use whatever is there.
void check_new_node(std::uint32_t number) {
    const auto fault = abi::block_node_fault(number);
    if (!fault)
        return;
    throw abi::WrongNode(
        fault->what +
        (fault->missing ? "; is /dev the kernel's (devtmpfs)?" : "; move it away and try again") +
        " (the device was removed again)");
}

} // namespace

DeviceConfig DeviceConfig::for_backend(const Description& backend) {
    DeviceConfig config;
    config.size = backend.size;
    config.logical_block_size = backend.logical_block_size;
    config.physical_block_size = backend.physical_block_size;
    config.io_min = backend.io_min;
    config.io_opt = backend.io_opt;
    config.discard_granularity = backend.discard_granularity;
    config.chunk_size = backend.chunk_size;
    config.store_class = backend.store_class;
    config.store_wait = backend.store_wait;
    config.read_only = backend.read_only;
    config.rotational = backend.rotational;
    config.cache = backend.cache;
    config.fua = backend.cache && backend.fua;
    config.discard = backend.discard;
    config.write_zeroes = backend.write_zeroes;
    return config;
}

Device Device::create(const DeviceConfig& config) {
    check(config);
    abi::ControlDevice control;
    check_store_class(config, control);
    check_link(config.name);
    auto request = kernel_config(config);
    control.create(request);
    // Memory of devices removed without these tools, by rmmod for example.
    MemoryBackend::remove_stale();
    make_supervisor_folder();
    try {
        Device device{abi::ControlNode(request.number)};
        check_new_node(request.number);
        return device;
    } catch (...) {
        control.remove(request.number, true);
        throw;
    }
}

Device Device::open(std::string_view dev) {
    return Device(abi::ControlNode(abi::find_device(dev)));
}

void Device::remove(std::uint32_t number, bool force) {
    std::uint64_t diskseq = 0;
    try {
        diskseq = abi::read_attributes(number).diskseq;
    } catch (const abi::NoSuchDevice&) {
        // The kernel decides.
    }
    remove(number, force, diskseq);
}

void Device::remove(std::uint32_t number, bool force, std::uint64_t diskseq) {
    abi::ControlDevice().remove(number, force, diskseq);
    if (diskseq != 0)
        MemoryBackend::remove(MemoryBackend::segment_of(number, diskseq));
}

DeviceContext Device::context_of(const abi::ControlNode& node) {
    const auto device = node.info().device;
    DeviceContext context;
    context.number = node.number();
    context.diskseq = device.diskseq;
    // An older module does not report it; look it up in sysfs by number.
    if ((device.features & USERBLK_FEATURE_DISKSEQ) == 0)
        context.diskseq = abi::read_attributes(node.number()).diskseq;
    context.size = device.config.size;
    context.read_only = (device.config.flags & USERBLK_F_READ_ONLY) != 0;
    return context;
}

bool Device::wait_ready(std::chrono::nanoseconds limit) const {
    const std::string path = block_path();
    const auto end = after(Clock::now(), limit);
    if (!wait_served(node_, end))
        return false;
    const SharedMemory memory(sizeof(std::atomic<int>));
    auto& result = *new (memory.data()) std::atomic<int>(EINTR); // if the child is killed
    if (const auto fault = abi::block_node_fault(this->number()); fault && !fault->missing)
        throw abi::WrongNode(fault->what + "; " + fault->mend);
    const dev_t number = abi::block_number(this->number()).value_or(0);
    const pid_t child = ::fork();
    if (child < 0)
        abi::throw_errno("start a process that reads " + path);
    if (child == 0)
        read_first_block(path.c_str(), number, result);
    const auto pidfd = open_pidfd(child);
    if (!pidfd)
        abi::throw_errno("watch a process that reads " + path);
    for (;;) {
        pollfd entry{pidfd.get(), POLLIN, 0};
        const auto left = limit == infinity ? limit : end - Clock::now();
        const int ready = ::poll(&entry, 1, poll_timeout(left));
        if (ready > 0)
            break;
        if (ready < 0 && errno != EINTR)
            abi::throw_errno("wait for " + path);
        if (ready == 0 && std::chrono::steady_clock::now() >= end) {
            ::kill(child, SIGKILL); // the child exits when its read ends
            return false;
        }
    }
    ::waitpid(child, nullptr, 0);
    if (result != 0)
        abi::throw_error("read " + path, abi::errno_code(result));
    return true;
}

} // namespace userblk
