// SPDX-License-Identifier: MIT
#include "tests/system/support/unprivileged.hpp"

#include <cstddef>

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/process.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

namespace {

void must(bool done, const char* what) {
    if (!done)
        throw_errno(what);
}

void enter_user_namespace() {
    prctl(PR_SET_DUMPABLE, 1); // otherwise the maps below belong to root
    must(!unshare(CLONE_NEWUSER), "unable to make a user namespace");
    const std::string map = "0 " + std::to_string(nobody) + " 1";
    for (const auto& [file, text] :
         {std::pair{"setgroups", std::string("deny")}, {"uid_map", map}, {"gid_map", map}})
        must(!write_setting(std::string("/proc/self/") + file, text), "unable to map users");
}

void drop_all_capabilities() {
    for (unsigned long number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        must(!prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "unable to drop a capability");
    drop_privileges();
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    must(!syscall(SYS_capset, &header, none), "unable to drop capabilities");
}

void forbid_io_uring() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{std::size(program), program};
    must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
             !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter),
         "unable to forbid io_uring");
}

} // namespace

const char* name_of(Kind kind) {
    switch (kind) {
    case Kind::plain:
        return "Nobody";
    case Kind::user_namespace:
        return "RootOfAUserNamespace";
    case Kind::confined:
        return "Confined";
    }
    return "";
}

void become(Kind kind) {
    if (kind == Kind::confined) {
        drop_all_capabilities();
        forbid_io_uring();
        return;
    }
    drop_privileges();
    if (kind == Kind::user_namespace)
        enter_user_namespace();
}

userblk_config config_for_nobody(std::uint64_t size) {
    userblk_config config = full_config(size);
    config.uid = nobody;
    return config;
}

} // namespace userblk::test
