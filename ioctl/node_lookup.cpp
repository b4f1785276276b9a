// SPDX-License-Identifier: MIT
#include "ioctl/node_lookup.hpp"

#include "ioctl/file_descriptor.hpp"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace userblk::abi {

namespace {

std::chrono::milliseconds milliseconds(std::uint64_t ns) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds(ns));
}

} // namespace

bool has_node(std::uint32_t number) noexcept {
    struct stat about {};
    return ::stat(control_path(number).c_str(), &about) == 0 && S_ISCHR(about.st_mode);
}

std::optional<userblk_info> ask_node(std::uint32_t number) noexcept {
    if (!has_node(number))
        return std::nullopt;
    const FileDescriptor fd(::open(control_path(number).c_str(), O_RDONLY | O_CLOEXEC));
    userblk_info info{};
    info.taken_size = sizeof(userblk_taken);
    if (!fd || ::ioctl(fd.get(), USERBLK_INFO, &info) < 0 || info.config.number != number)
        return std::nullopt;
    return info;
}

std::vector<std::uint32_t> node_numbers() {
    constexpr std::string_view prefix = "/dev/userblkc";
    std::vector<std::uint32_t> numbers;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/dev", error), end; !error && entry != end;
         entry.increment(error))
        if (const auto& path = entry->path().native(); path.starts_with(prefix))
            if (const auto number = parse_device(path); number && has_node(*number))
                numbers.push_back(*number);
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

Attributes attributes_of(const userblk_info& info) {
    Attributes attributes;
    attributes.name = info.config.name;
    attributes.state = info.state == USERBLK_STATE_NEW ? "new" : "served";
    attributes.size = info.config.size;
    attributes.diskseq = info.diskseq;
    attributes.read_only = (info.config.flags & USERBLK_F_READ_ONLY) != 0;
    attributes.queued = info.queued;
    attributes.taken = info.taken;
    attributes.orphaned = info.orphaned;
    attributes.oldest_queued = milliseconds(info.oldest_queued_ns);
    attributes.oldest_taken = milliseconds(info.oldest_taken_ns);
    attributes.completed =
        info.reads + info.writes + info.flushes + info.discards + info.write_zeroes;
    attributes.errors = info.errors;
    attributes.resets = info.resets;
    attributes.stale = info.stale;
    if ((info.features & USERBLK_FEATURE_SERVERS) != 0) {
        attributes.servers = info.servers;
        attributes.unserved = milliseconds(info.unserved_ns);
    }
    return attributes;
}

} // namespace userblk::abi
