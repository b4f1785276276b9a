// SPDX-License-Identifier: MIT
#include "userblk/store/shared_counter.hpp"

#include "ioctl/error.hpp"
#include "userblk/store/shared_segment.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace userblk {

namespace {
constexpr std::size_t page = 4096;
}

SharedCounter::SharedCounter(const std::string& path) {
    const auto file = open_segment(path);
    // Has no effect if the file already has this size.
    if (::ftruncate(file.get(), page) < 0)
        abi::throw_errno("allocate " + path);
    void* const mapping = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (mapping == MAP_FAILED)
        abi::throw_errno("map " + path);
    value_ = static_cast<Value*>(mapping);
}

SharedCounter::~SharedCounter() {
    ::munmap(value_, page);
}

} // namespace userblk
