// SPDX-License-Identifier: MIT
#include "bench/ublk/target.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace userblk::bench::ublk {

Target Target::file(const std::string& path, std::uint64_t size) {
    const FileDescriptor file(path, O_RDWR);
    struct stat facts {};
    if (::fstat(file.get(), &facts) < 0)
        throw_error("see the size of " + path, errno);
    if (static_cast<std::uint64_t>(facts.st_size) < size)
        throw_error("use " + path + ", which is too small", EINVAL);
    return Target(Mapping::file(file, size, path));
}

Target Target::memory(std::uint64_t size) {
    return Target(Mapping::memory(size, "the store"));
}

} // namespace userblk::bench::ublk
