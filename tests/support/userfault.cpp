// SPDX-License-Identifier: MIT
#include "userfault.hpp"

#include <cstring>

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "abi.hpp"
#include "eventually.hpp"

namespace userblk::test {

namespace {

bool any_fault(const Fd& fd) {
    return poll_events(fd.get(), POLLIN, static_cast<int>(patience.count())) & POLLIN;
}

Fd open_userfaultfd(std::uint64_t features) {
    Fd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK)));
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = features;
    if (!fd.open() || ioctl(fd.get(), UFFDIO_API, &api))
        throw_errno("unable to use userfaultfd");
    return fd;
}

} // namespace

UnansweredMemory::UnansweredMemory(std::size_t size)
    : data_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
      size_(size), fd_(open_userfaultfd(0)) {
    uffdio_register range{};
    range.range.start = address(data_);
    range.range.len = size;
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (data_ == MAP_FAILED || ioctl(fd_.get(), UFFDIO_REGISTER, &range))
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
    return any_fault(fd_);
}

GuardedPage::GuardedPage()
    : data_(static_cast<std::uint8_t*>(mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0))),
      fd_(open_userfaultfd(UFFD_FEATURE_PAGEFAULT_FLAG_WP)) {
    if (data_ == MAP_FAILED)
        throw_errno("unable to get memory");
    // Only present pages can be write-protected.
    std::memset(data_, 0, 2 * size);
}

GuardedPage::~GuardedPage() {
    munmap(data_, 2 * size);
}

void GuardedPage::guard() {
    uffdio_register range{};
    range.range = {address(data()), size};
    range.mode = UFFDIO_REGISTER_MODE_WP;
    uffdio_writeprotect protect{};
    protect.range = range.range;
    protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
    if (ioctl(fd_.get(), UFFDIO_REGISTER, &range) ||
        ioctl(fd_.get(), UFFDIO_WRITEPROTECT, &protect))
        throw_errno("unable to guard memory by userfaultfd");
}

bool GuardedPage::touched() {
    return any_fault(fd_);
}

void GuardedPage::refuse() {
    uffdio_range range{address(data()), size};
    if (mprotect(data(), size, PROT_READ) || ioctl(fd_.get(), UFFDIO_WAKE, &range))
        throw_errno("unable to refuse writes to memory");
}

} // namespace userblk::test
