// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/shared.hpp"

#include <algorithm>
#include <cstdio>

#include <sched.h>
#include <sys/mman.h>

#include "tests/support/fd.hpp"

namespace userblk::fuzz {

namespace {

// A lock between processes, none of which is killed while it holds it.
class Lock {
public:
    explicit Lock(std::atomic_flag& flag) : flag_(flag) {
        while (flag_.test_and_set())
            sched_yield();
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() { flag_.clear(); }

private:
    std::atomic_flag& flag_;
};

} // namespace

Shared& Shared::make() {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        test::throw_errno("unable to share memory");
    return *new (memory) Shared();
}

void Shared::count(Kind kind, int error) {
    calls++;
    counts[static_cast<std::size_t>(kind)]
          [std::min<std::size_t>(static_cast<std::size_t>(error), errors - 1)]++;
}

void Shared::note(const Taken& one) {
    const Lock lock(lock_);
    taken[taken_count % room] = one;
    taken_count++;
}

bool Shared::find(std::uint64_t n, Taken& one) {
    const Lock lock(lock_);
    if (n >= taken_count || n + room < taken_count)
        return false;
    one = taken[n % room];
    return true;
}

void Shared::note_created(std::uint32_t number) {
    const Lock lock(lock_);
    if (created_count < most_created)
        created[created_count++] = number;
}

void Shared::complain(const std::string& text) {
    const Lock lock(lock_);
    if (complained)
        return;
    std::snprintf(complaint, sizeof(complaint), "%s", text.c_str());
    complained = true;
}

} // namespace userblk::fuzz
