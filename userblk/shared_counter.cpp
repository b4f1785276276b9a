// SPDX-License-Identifier: MIT
#include "userblk/shared_counter.hpp"

#include "ioctl/error.hpp"
#include "ioctl/file_descriptor.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace userblk {

namespace {
constexpr std::size_t page = 4096;
}

SharedCounter::SharedCounter(const std::string& path) {
    const auto file = abi::FileDescriptor::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    struct stat status {};
    if (::fstat(file.get(), &status) < 0)
        abi::throw_errno("look at " + path);
    // Whoever owns it could make it shorter, which would be our end.
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
        abi::throw_error("use " + path + ", which belongs to somebody else",
                         std::make_error_code(std::errc::operation_not_permitted));
    // To a size that it has already it changes nothing.
    if (::ftruncate(file.get(), page) < 0)
        abi::throw_errno("make room in " + path);
    void* const mapping = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapping == MAP_FAILED)
        abi::throw_errno("map " + path);
    value_ = static_cast<Value*>(mapping);
}

SharedCounter::~SharedCounter() {
    ::munmap(value_, page);
}

} // namespace userblk
