// SPDX-License-Identifier: MIT
#include "userblk/worker/async_requests.hpp"

#include "ioctl/error.hpp"

#include <sys/mman.h>

namespace userblk {

namespace {

/// Enough for the coroutines of most operations: without it, each slot would allocate when it is
/// first used, which may be when memory is short.
constexpr std::size_t usual_frames = 1000;

void warm(Slot& slot) {
    Slot::free(slot.allocate(usual_frames)); // it keeps as much
}

} // namespace

AsyncRequests::AsyncRequests(AsyncWorkerThread& thread, std::size_t count, std::size_t max_transfer)
    : count_(count), requests_(std::make_unique<AsyncRequest[]>(count)) {
    const auto size = count * max_transfer;
    void* const address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        abi::throw_errno("map memory for requests");
    memory_ = {static_cast<std::byte*>(address), size};
    // A huge page would allocate 2 MiB for the first small request.
    ::madvise(address, size, MADV_NOHUGEPAGE);
    for (std::size_t i = count; i-- > 0;) {
        requests_[i].thread = &thread;
        requests_[i].buffer = memory_.subspan(i * max_transfer, max_transfer);
        warm(requests_[i].slot);
        free(requests_[i]);
    }
}

AsyncRequests::~AsyncRequests() {
    requests_.reset(); // operations may use the memory
    ::munmap(memory_.data(), memory_.size());
}

std::error_code AsyncRequests::preload() noexcept {
    if (::madvise(memory_.data(), memory_.size(), MADV_POPULATE_WRITE) < 0)
        return abi::last_error();
    return {};
}

void AsyncRequests::trim() noexcept {
    ::madvise(memory_.data(), memory_.size(), MADV_DONTNEED);
    for (std::size_t i = 0; i < count_; ++i)
        requests_[i].touched = 0;
    touched_ = 0;
}

} // namespace userblk
