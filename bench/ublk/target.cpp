// SPDX-License-Identifier: MIT
#include "bench/ublk/target.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

// Block devices, too, tell where they end.
FileDescriptor open_store(const std::string& path, int flags, std::uint64_t size) {
    FileDescriptor file(path, flags);
    const auto end = ::lseek(file.get(), 0, SEEK_END);
    if (end < 0)
        throw_error("see the size of " + path, errno);
    if (static_cast<std::uint64_t>(end) < size)
        throw_error("use " + path + ", which is too small", EINVAL);
    return file;
}

} // namespace

Target Target::file(const std::string& path, std::uint64_t size) {
    return Target(Mapping::file(open_store(path, O_RDWR, size), size, path));
}

Target Target::disk(const std::string& path, std::uint64_t size) {
    return Target(open_store(path, O_RDWR | O_DIRECT, size));
}

Target Target::memory(std::uint64_t size) {
    return Target(Mapping::memory(size, "the store"));
}

} // namespace userblk::bench::ublk
