// SPDX-License-Identifier: MIT
#include "userblk/process_setup.hpp"

#include "ioctl/error.hpp"
#include "ioctl/file_descriptor.hpp"

#include <charconv>
#include <fcntl.h>
#include <grp.h>
#include <linux/prctl.h>
#include <pwd.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace userblk {

std::error_code set_io_flusher() noexcept {
    if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
        return abi::last_error();
    // Elsewhere the call has silently failed for years: look.
    if (::prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0) != 1)
        return std::make_error_code(std::errc::operation_not_permitted);
    return {};
}

std::error_code lock_memory() noexcept {
    if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
        return {};
    return abi::last_error();
}

std::error_code set_oom_score_adj(int value) noexcept {
    const abi::FileDescriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (!file)
        return abi::last_error();
    return ::dprintf(file.get(), "%d", value) < 0 ? abi::last_error() : std::error_code();
}

Credentials Credentials::of_user(const std::string& user) {
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    uid_t number = 0;
    const auto [end, error] = std::from_chars(user.data(), user.data() + user.size(), number);
    if (entry == nullptr && error == std::errc() && end == user.data() + user.size())
        entry = ::getpwuid(number);
    if (entry == nullptr)
        throw std::invalid_argument("there is no user \"" + user + "\"");
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
        abi::throw_errno("become group " + std::to_string(to.gid));
    if (::setresuid(to.uid, to.uid, to.uid) < 0)
        abi::throw_errno("become user " + std::to_string(to.uid));
}

} // namespace userblk
