// SPDX-License-Identifier: MIT
#include "userblk/process_setup.hpp"

#include "ioctl/error.hpp"
#include "ioctl/file_descriptor.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <grp.h>
#include <link.h>
#include <linux/prctl.h>
#include <pwd.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace userblk {

namespace {
constexpr std::size_t page = 4096;
}

std::error_code set_io_flusher() noexcept {
    if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
        return abi::last_error();
    // Elsewhere this call failed silently for years: verify.
    if (::prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0) != 1)
        return std::make_error_code(std::errc::operation_not_permitted);
    return {};
}

namespace {

// Failure only costs speed later, so it is ignored.
void preload_program() noexcept {
    const auto segments = [](dl_phdr_info* info, std::size_t, void*) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& header = info->dlpi_phdr[i];
            if (header.p_type != PT_LOAD)
                continue;
            const auto begin = (info->dlpi_addr + header.p_vaddr) / page * page;
            const auto end = info->dlpi_addr + header.p_vaddr + header.p_memsz;
            ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_READ);
        }
        return 0;
    };
    ::dl_iterate_phdr(segments, nullptr);
}

[[gnu::noinline]] void preload_stack() noexcept {
    volatile char depth[16 * page];
    for (std::size_t at = 0; at < sizeof(depth); at += page)
        depth[at] = 0;
}

} // namespace

std::error_code lock_memory() noexcept {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_MEMLOCK, &unlimited);
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        return abi::last_error();
    preload_program();
    preload_stack();
    return {};
}

std::error_code set_oom_score_adj(int value) noexcept {
    const abi::FileDescriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!file)
        return abi::last_error();
    return ::dprintf(file.get(), "%d", value) < 0 ? abi::last_error() : std::error_code();
}

namespace {

// A policy that was set explicitly stays.
std::error_code replace_usual_policy(int by, int priority) noexcept {
    const int policy = ::sched_getscheduler(0);
    if (policy < 0)
        return abi::last_error();
    if ((policy & ~SCHED_RESET_ON_FORK) != SCHED_OTHER)
        return {};
    const sched_param parameters{.sched_priority = priority};
    return ::sched_setscheduler(0, by | (policy & SCHED_RESET_ON_FORK), &parameters) < 0
               ? abi::last_error()
               : std::error_code();
}

} // namespace

std::error_code schedule_as_batch() noexcept {
    return replace_usual_policy(SCHED_BATCH, 0);
}

std::error_code schedule_as_fifo() noexcept {
    return replace_usual_policy(SCHED_FIFO, 1);
}

// The GNU C library registers an area per thread (RSEQ_FLAG_UNREGISTER and the lengths
// are those of rseq(2) in Linux; a kernel since 6.3 may have been given a longer one).
std::error_code forgo_restartable_sequences() noexcept {
    if (__rseq_size == 0)
        return {};
    auto* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    const unsigned length = std::max(__rseq_size, 32U);
    return ::syscall(SYS_rseq, area, length, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) < 0
               ? abi::last_error()
               : std::error_code();
}

Credentials Credentials::of_user(const std::string& user) {
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    uid_t number = 0;
    const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), number);
    if (entry == nullptr && error == std::errc() && end == user.data() + user.size())
        entry = ::getpwuid(number);
    if (entry == nullptr)
        throw std::invalid_argument("no user \"" + user + "\"");
    Credentials result{entry->pw_uid, entry->pw_gid, {}};
    int count = 64;
    do {
        result.groups.resize(static_cast<std::size_t>(count));
    } while (::getgrouplist(entry->pw_name, entry->pw_gid, result.groups.data(), &count) < 0);
    result.groups.resize(static_cast<std::size_t>(count));
    return result;
}

void drop_privileges(const Credentials& to) {
    if (::setgroups(to.groups.size(), to.groups.data()) < 0)
        abi::throw_errno("set the supplementary groups");
    if (::setresgid(to.gid, to.gid, to.gid) < 0)
        abi::throw_errno("switch to group " + std::to_string(to.gid));
    if (::setresuid(to.uid, to.uid, to.uid) < 0)
        abi::throw_errno("switch to user " + std::to_string(to.uid));
}

} // namespace userblk
