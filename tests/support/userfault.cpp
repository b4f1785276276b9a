// SPDX-License-Identifier: MIT
#include "userfault.hpp"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "abi.hpp"
#include "eventually.hpp"

namespace userblk::test {

UnansweredMemory::UnansweredMemory(std::size_t size)
    : data_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      size_(size), fd_(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))) {
    uffdio_api api{};
    api.api = UFFD_API;
    uffdio_register range{};
    range.range.start = address(data_);
    range.range.len = size;
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (data_ == MAP_FAILED || !fd_.open() || ioctl(fd_.get(), UFFDIO_API, &api) ||
        ioctl(fd_.get(), UFFDIO_REGISTER, &range))
        throw_errno("unable to use userfaultfd");
}

UnansweredMemory::~UnansweredMemory() {
    munmap(data_, size_);
}

void UnansweredMemory::fill_in(const void* content) {
    uffdio_copy copy{};
    copy.dst = address(data_);
    copy.src = address(content);
    copy.len = size_;
    if (ioctl(fd_.get(), UFFDIO_COPY, &copy))
        throw_errno("unable to fill memory in by userfaultfd");
}

bool UnansweredMemory::touched() {
    return poll_events(fd_.get(), POLLIN, static_cast<int>(patience.count())) & POLLIN;
}

} // namespace userblk::test
