// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/coverage.hpp"

#include <algorithm>

#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace userblk::fuzz {

namespace {

constexpr const char* path = "/sys/kernel/debug/kcov";
constexpr std::size_t words = 64 << 10;

} // namespace

bool Kcov::available() {
    return access(path, R_OK | W_OK) == 0;
}

Kcov::Kcov() {
    if (!available())
        return;
    fd_ = test::open_file(path, O_RDWR);
    if (ioctl(fd_.get(), KCOV_INIT_TRACE, words))
        test::throw_errno("unable to set up KCOV");
    void* area = mmap(nullptr, words * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (area == MAP_FAILED)
        test::throw_errno("unable to map what KCOV tells");
    area_ = static_cast<std::uint64_t*>(area);
}

Kcov::~Kcov() {
    if (area_)
        munmap(area_, words * 8);
}

void Kcov::attach() {
    if (area_ && ioctl(fd_.get(), KCOV_ENABLE, KCOV_TRACE_PC))
        test::throw_errno("unable to enable KCOV");
}

void Kcov::clear() {
    if (area_)
        __atomic_store_n(area_, 0, __ATOMIC_RELAXED);
}

std::span<const std::uint64_t> Kcov::trace() const {
    if (!area_)
        return {};
    return {area_ + 1, std::min<std::size_t>(__atomic_load_n(area_, __ATOMIC_RELAXED), words - 1)};
}

std::vector<std::uint64_t> Coverage::edges_of(std::span<const std::uint64_t> trace) {
    std::vector<std::uint64_t> edges;
    std::uint64_t before = 0;
    for (const std::uint64_t pc : trace) {
        edges.push_back(before << 32 | (pc & 0xffffffff));
        before = pc;
    }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    return edges;
}

std::vector<std::uint64_t> Coverage::add(std::span<const std::uint64_t> trace) {
    std::vector<std::uint64_t> fresh;
    pcs_.insert(trace.begin(), trace.end());
    for (const std::uint64_t edge : edges_of(trace))
        if (edges_.insert(edge).second)
            fresh.push_back(edge);
    return fresh;
}

} // namespace userblk::fuzz
