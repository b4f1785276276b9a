// SPDX-License-Identifier: MIT
#include "userblk/store/store_lock.hpp"

#include "ioctl/lookup.hpp"
#include "userblk/supervisor_record.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <thread>

namespace userblk {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// How long a claim waits for another device, and for a removed one, to release a store.
constexpr auto patience = 1s;
constexpr auto patience_with_the_removed = 10s;
constexpr auto look_every = 20ms;

// Lock offsets in a file, far behind any data: a zone per kind of user, and the user within.
constexpr off_t zone_size = off_t(1) << 60;
constexpr off_t writers = 4 * zone_size, readers = 5 * zone_size, sharers = 6 * zone_size;
constexpr unsigned diskseq_bits = 40, boot_bits = 20;

std::uint64_t hash_of(const std::string& text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325; // FNV-1a
    for (const unsigned char c : text)
        hash = (hash ^ c) * 0x100000001b3;
    return hash ^ hash >> 32;
}

// Files may be shared with other machines, where the same diskseqs exist.
std::uint64_t this_boot() {
    static const std::uint64_t number = [] {
        std::ifstream file("/proc/sys/kernel/random/boot_id");
        std::string id;
        file >> id;
        return hash_of(id) & ((1U << boot_bits) - 1);
    }();
    return number;
}

off_t place_of(const DeviceContext& device) {
    constexpr auto mask = (std::uint64_t(1) << diskseq_bits) - 1;
    return static_cast<off_t>(this_boot() << diskseq_bits | (device.diskseq & mask));
}

struct flock lock_of(short type, off_t start, off_t length) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = start;
    lock.l_len = length;
    return lock;
}

// The offset of another process's lock in a range.
std::optional<off_t> locked_in(int fd, off_t start, off_t length) {
    auto lock = lock_of(F_WRLCK, start, length);
    if (length <= 0 || ::fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return std::nullopt;
    return lock.l_start;
}

// The same for a whole zone, except one place.
std::optional<off_t> locked_beside(int fd, off_t zone, off_t own) {
    if (const auto place = locked_in(fd, zone, own))
        return place;
    return locked_in(fd, zone + own + 1, zone_size - own - 1);
}

// False: another process holds an exclusive lock, see reserve_node().
bool lock_place(int fd, off_t place) {
    auto lock = lock_of(F_RDLCK, place, 1);
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

void unlock_place(int fd, off_t place) {
    auto lock = lock_of(F_UNLCK, place, 1);
    ::fcntl(fd, F_OFD_SETLK, &lock);
}

// ------------------------------------------------------------------ a file

// The place of a holder that excludes this device from a file.
std::optional<off_t> opponent(const StoreFile& file, off_t own) {
    if (const auto place = locked_beside(file.fd, writers, own))
        return place;
    if (!file.read_only)
        if (const auto place = locked_beside(file.fd, readers, own))
            return place;
    // A device that already has the store does not check sharers again.
    if (locked_in(file.fd, writers + own, 1) || locked_in(file.fd, readers + own, 1))
        return std::nullopt;
    return locked_beside(file.fd, sharers, own);
}

// Checks before it locks, so that a refused claim never gets in the way of another.
std::optional<off_t> try_claim(const StoreFile& file, off_t own) {
    if (const auto place = opponent(file, own))
        return place;
    const auto mine = (file.read_only ? readers : writers) + own;
    if (!lock_place(file.fd, mine))
        return 0;
    const auto place = opponent(file, own);
    if (place)
        unlock_place(file.fd, mine);
    return place;
}

// Nothing: there is no such device, or it is not visible here.
std::optional<std::uint32_t> device_at(off_t place) {
    const auto own = place % zone_size;
    if (static_cast<std::uint64_t>(own) >> diskseq_bits != this_boot())
        return std::nullopt;
    const auto diskseq = own % (off_t(1) << diskseq_bits);
    for (const auto number : abi::device_numbers()) {
        try {
            if (abi::read_attributes(number).diskseq == static_cast<std::uint64_t>(diskseq))
                return number;
        } catch (const std::exception&) {
            // Just removed.
        }
    }
    return std::nullopt;
}

std::string device_text(std::uint32_t number) {
    std::string name;
    try {
        name = abi::read_attributes(number).name;
    } catch (const std::exception&) {
    }
    return abi::disk_name(number) + (name.empty() ? "" : " (\"" + name + "\")");
}

std::string holder_text(off_t place) {
    if (place < writers)
        return "is locked by another program";
    if (const auto number = device_at(place))
        return "is already the store of " + device_text(*number);
    if (static_cast<std::uint64_t>(place % zone_size) >> diskseq_bits != this_boot())
        return "is already the store of a device of another machine";
    return "is still in use by a process that served a removed device";
}

[[noreturn]] void refuse(const StoreFile& file, off_t place, const std::string& device) {
    throw StoreInUse(file.name + " " + holder_text(place) + ", and cannot be that of " + device +
                     ", too: their data would mix; use a copy, or --share to let both use it");
}

void claim_file(const StoreFile& file, const DeviceContext& device, bool share) {
    const auto own = place_of(device);
    if (share) {
        if (!file.read_only)
            lock_place(file.fd, sharers + own);
        return;
    }
    const auto start = Clock::now();
    for (auto place = try_claim(file, own); place; place = try_claim(file, own)) {
        const bool removed = *place >= writers && !device_at(*place);
        if (Clock::now() - start >= (removed ? patience_with_the_removed : patience))
            refuse(file, *place, device_text(device.number));
        std::this_thread::sleep_for(look_every);
    }
}

// ---------------------------------------------------------------- a device

// The number of another store of the device.
std::optional<std::uint64_t> other_store(int fd, off_t own) {
    const auto place = locked_beside(fd, writers, own);
    return place ? std::optional(static_cast<std::uint64_t>(*place % zone_size)) : std::nullopt;
}

std::optional<std::uint64_t> try_claim_node(int fd, off_t own) {
    if (const auto other = other_store(fd, own))
        return other;
    if (!lock_place(fd, writers + own))
        return 0;
    const auto other = other_store(fd, own);
    if (other)
        unlock_place(fd, writers + own);
    return other;
}

std::string store_text(std::uint32_t number, std::uint64_t store) {
    for (const auto& record : supervisor_records(number))
        if (store_number(record.identity) == store)
            return (record.store.empty() ? "a store without a name" : record.store) +
                   (record.store_state.empty() ? "" : " (which was " + record.store_state + ")") +
                   " already, by the workers of process " + std::to_string(record.pid);
    return "another store already, by workers whose supervisor has exited";
}

void claim_node(const abi::ControlNode& node, const std::vector<StoreFile>& files) {
    const auto own = static_cast<off_t>(store_number(store_identity(files)));
    const auto start = Clock::now();
    for (auto other = try_claim_node(node.fd(), own); other;
         other = try_claim_node(node.fd(), own)) {
        if (Clock::now() - start >= patience)
            throw StoreInUse(device_text(node.number()) + " is served with " +
                             store_text(node.number(), *other) + ", not with " +
                             store_names(files) + "; stop those workers first (\"userblkctl info " +
                             std::to_string(node.number()) +
                             "\" lists them), have their supervisor switch to a store with the "
                             "same data (userblkctl reload), or use --share to serve both");
        std::this_thread::sleep_for(look_every);
    }
}

} // namespace

std::string store_identity(const std::vector<StoreFile>& files) {
    std::string identity;
    for (const auto& file : files)
        identity += (identity.empty() ? "" : "\n") + file.identity;
    return identity;
}

std::string store_names(const std::vector<StoreFile>& files) {
    std::string names;
    for (const auto& file : files)
        names += (names.empty() ? "" : ", ") + file.name;
    return names;
}

std::uint64_t store_number(const std::string& identity) noexcept {
    return identity.empty() ? 0 : hash_of(identity) % static_cast<std::uint64_t>(zone_size);
}

void claim_files(const Store& store, const DeviceContext& device, bool share) {
    if (device.diskseq == 0) // unknown: devices cannot be distinguished
        return;
    for (const auto& file : store.store_files())
        if (file.fd >= 0)
            claim_file(file, device, share);
}

void claim_store(const abi::ControlNode& node, const Store& store, const DeviceContext& device,
                 bool share) {
    claim_files(store, device, share);
    const auto files = store.store_files();
    if (files.empty())
        return;
    if (share)
        lock_place(node.fd(), sharers);
    else
        claim_node(node, files);
}

void hold_node(const abi::ControlNode& node, const std::string& identity, bool share) noexcept {
    if (!identity.empty())
        lock_place(node.fd(),
                   share ? sharers : writers + static_cast<off_t>(store_number(identity)));
}

void release_node(const abi::ControlNode& node) noexcept {
    auto lock = lock_of(F_UNLCK, writers, 3 * zone_size);
    ::fcntl(node.fd(), F_OFD_SETLK, &lock);
}

bool reserve_node(const abi::ControlNode& node) noexcept {
    auto lock = lock_of(F_WRLCK, writers, zone_size);
    return ::fcntl(node.fd(), F_OFD_SETLK, &lock) == 0 || (errno != EAGAIN && errno != EACCES);
}

bool is_served(std::uint32_t number) noexcept {
    try {
        const abi::ControlNode node(number);
        return locked_in(node.fd(), writers, 3 * zone_size).has_value();
    } catch (const std::exception&) {
        return false; // removed
    }
}

bool is_claimed(int fd) noexcept {
    return locked_in(fd, writers, 3 * zone_size).has_value();
}

void check_unclaimed(const Store& store) {
    for (const auto& file : store.store_files()) {
        if (file.fd < 0)
            continue;
        // No device has the last place.
        constexpr off_t nobody = zone_size - 1;
        const auto start = Clock::now();
        for (auto place = opponent(file, nobody); place; place = opponent(file, nobody)) {
            const bool removed = *place >= writers && !device_at(*place);
            if (Clock::now() - start >= (removed ? patience_with_the_removed : patience))
                refuse(file, *place, "a new device");
            std::this_thread::sleep_for(look_every);
        }
    }
}

} // namespace userblk
