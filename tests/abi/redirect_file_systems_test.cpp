// SPDX-License-Identifier: MIT
//
// Which file systems a request can be redirected to. What the worker does not do itself, a kernel
// thread does with the worker's credentials, but outside its namespaces: only files that are the
// same for every caller are accepted. Files and disks that some process serves are for privileged
// workers only.
#include <cstring>

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/any_operation.hpp"
#include "tests/support/files.hpp"
#include "tests/support/fuse_file.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/server.hpp"

namespace userblk::test {

namespace {

constexpr int all_ops[] = {USERBLK_OP_READ, USERBLK_OP_WRITE, USERBLK_OP_FLUSH, USERBLK_OP_DISCARD,
                           USERBLK_OP_WRITE_ZEROES};

userblk_config config_for(std::uint32_t uid) {
    userblk_config config = test_config();
    config.flags |=
        USERBLK_F_REDIRECT | USERBLK_F_CACHE | USERBLK_F_DISCARD | USERBLK_F_WRITE_ZEROES;
    config.uid = uid;
    return config;
}

// Mounted on a directory of its own, if the kernel has that file system.
class Mount {
public:
    explicit Mount(const std::string& type, const std::string& options = "") {
        mounted_ = !mount("userblk-test", folder_.path().c_str(), type.c_str(), 0, options.c_str());
        if (!mounted_) {
            EXPECT_EQ(errno, ENODEV) << type << ": " << std::strerror(errno);
        }
    }
    Mount(const Mount&) = delete;
    Mount& operator=(const Mount&) = delete;
    ~Mount() {
        // A redirected request releases its file shortly after it completes.
        EXPECT_TRUE(!mounted_ || eventually([this] {
            return !umount(folder_.path().c_str()) || errno != EBUSY;
        }));
    }
    bool there() const { return mounted_; }
    const std::string& path() const { return folder_.path(); }

private:
    Folder folder_;
    bool mounted_ = false;
};

// With whatever access its mode allows.
Fd open_somehow(const std::string& path) {
    for (const int mode : {O_RDWR, O_RDONLY, O_WRONLY}) {
        Fd fd(open(path.c_str(), mode | O_CLOEXEC));
        if (fd.open())
            return fd;
    }
    ADD_FAILURE() << path << ": " << std::strerror(errno);
    return Fd();
}

// 0 or the errno.
int write_setting(const std::string& path, const std::string& text) {
    const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return !fd.open() || write(fd.get(), text.data(), text.size()) < 0 ? errno : 0;
}

// A null_blk disk with a name of our choice: the module recognises a disk that a process serves by
// its name.
class NamedDisk {
public:
    explicit NamedDisk(const std::string& name) : folder_("/sys/kernel/config/nullb/" + name) {
        run_command({"modprobe", "null_blk", "nr_devices=0"});
        mount("configfs", "/sys/kernel/config", "configfs", 0, nullptr); // unless mounted
        EXPECT_EQ(mkdir(folder_.c_str(), 0755), 0) << folder_ << ": " << std::strerror(errno);
        EXPECT_EQ(write_setting(folder_ + "/size", "16"), 0);
        EXPECT_EQ(write_setting(folder_ + "/memory_backed", "1"), 0);
        EXPECT_EQ(write_setting(folder_ + "/power", "1"), 0);
    }
    NamedDisk(const NamedDisk&) = delete;
    NamedDisk& operator=(const NamedDisk&) = delete;
    ~NamedDisk() { EXPECT_EQ(rmdir(folder_.c_str()), 0); }

private:
    std::string folder_;
};

} // namespace

class RedirectFileSystems : public KernelTest {
protected:
    // The result of a PUT that redirects there; the request is ended in any case, with an error if
    // that was refused.
    static int answer(TestDevice& on, int control, int op, int fd) {
        const Io io = start_operation(on, op);
        const userblk_request request = take(control);
        EXPECT_EQ(request.op, op);
        const int result = put(control, redirect(request, fd, 0));
        if (result) {
            EXPECT_EQ(put(control, complete(request.id, -ENOSPC)), 0);
        }
        EXPECT_EQ(io->result(), result ? ENOSPC : 0) << "op " << op;
        return result;
    }
    void expect_all(int fd, int result, const std::string& what) {
        for (const int op : all_ops)
            EXPECT_EQ(answer(device, device.control(), op, fd), result) << what << ", op " << op;
    }
    // The same with an unprivileged worker that got the open file from a privileged one.
    void expect_all_of_nobody(int fd, int result, const std::string& what) {
        for (const int op : all_ops) {
            const Io io = start_operation(shared, op);
            Child worker([&](ChildSide&) {
                drop_privileges();
                const Fd control = shared.open_control();
                const userblk_request request = take(control.get());
                const int error = put(control.get(), redirect(request, fd, 0));
                return error && put(control.get(), complete(request.id, -ENOSPC)) ? 99 : error;
            });
            EXPECT_EQ(worker.wait(), result) << what << ", op " << op;
            EXPECT_EQ(io->result(), result ? ENOSPC : 0) << what << ", op " << op;
        }
    }

    TestDevice device{config_for(0)};
    TestDevice shared{config_for(nobody)};
};

// Files whose content is generated on read, or that act on write, may look at the caller: all are
// refused, for every operation, with the same error on every kernel.
TEST_F(RedirectFileSystems, MadeUpFilesAreRefused) {
    for (const char* path :
         {"/proc/version", "/proc/sys/kernel/hostname", "/proc/self/maps", "/proc/self/mem",
          "/proc/self/pagemap", "/proc/self/comm", "/proc/self/oom_score_adj", "/proc/kallsyms",
          "/proc/self/ns/uts", "/proc/sys/vm/swappiness", "/sys/power/pm_freeze_timeout",
          "/sys/kernel/notes", "/sys/kernel/mm/transparent_hugepage/enabled"})
        expect_all(open_somehow(path).get(), EINVAL, path);

    run_command({"modprobe", "binfmt_misc"});
    struct Kind {
        const char* type;
        const char* file;
    };
    std::size_t met = 0;
    for (const Kind& kind :
         {Kind{"proc", "sys/kernel/domainname"}, Kind{"sysfs", "kernel/profiling"},
          Kind{"cgroup2", "cgroup.procs"}, Kind{"debugfs", "clear_warn_once"},
          Kind{"tracefs", "tracing_on"}, Kind{"tracefs", "trace_marker"}, Kind{"securityfs", "lsm"},
          Kind{"binfmt_misc", "status"}, Kind{"binfmt_misc", "register"}, Kind{"fusectl", ""},
          Kind{"mqueue", ""}}) {
        const Mount made_up(kind.type);
        if (!made_up.there())
            continue;
        std::string path = made_up.path() + "/" + kind.file;
        std::unique_ptr<FuseFile> fuse;
        if (!*kind.file && kind.type == std::string("mqueue")) {
            path += "queue";
            EXPECT_TRUE(Fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)).open());
        } else if (!*kind.file) { // a connection's directory
            fuse = std::make_unique<FuseFile>(4096);
            struct stat status;
            ASSERT_EQ(stat(fuse->path().c_str(), &status), 0);
            path += std::to_string(status.st_dev) + "/waiting";
        }
        expect_all(open_somehow(path).get(), EINVAL, path);
        met++;
    }
    EXPECT_GE(met, 6u) << "there is more than one kind of file system like that";
}

// Files that only look like regular files are refused, too.
TEST_F(RedirectFileSystems, FilesWithoutAFileSystemAreRefused) {
    const Fd process(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
    ASSERT_TRUE(process.open());
    expect_all(process.get(), EINVAL, "pidfd");
    const Fd secret(static_cast<int>(syscall(SYS_memfd_secret, O_CLOEXEC)));
    if (secret.open()) {
        ASSERT_EQ(ftruncate(secret.get(), default_size), 0);
        expect_all(secret.get(), EINVAL, "secret memory");
    }
}

// A worker without capabilities in its own UTS namespace redirects a write to the file that holds
// the host name. A kernel thread would carry it out and change the name of the host.
TEST_F(RedirectFileSystems, WorkerCannotLeaveItsNamespace) {
    char before[65], after[65];
    ASSERT_EQ(gethostname(before, sizeof(before)), 0);
    const Io io = device.write(0, pattern(4096, 1));
    Child worker([&](ChildSide&) -> int {
        if (unshare(CLONE_NEWUTS) || sethostname("inner", 5))
            return 98;
        const Fd name = open_file("/proc/sys/kernel/hostname", O_RDWR);
        drop_privileges();
        const userblk_request request = take(device.control());
        const int error = put(device.control(), redirect(request, name.get(), 0));
        return error && put(device.control(), complete(request.id, -ENOSPC)) ? 99 : error;
    });
    EXPECT_EQ(worker.wait(), EINVAL);
    EXPECT_EQ(io->result(), ENOSPC);
    ASSERT_EQ(gethostname(after, sizeof(after)), 0);
    EXPECT_STREQ(after, before);
}

// An overlay counts as the file system below it.
TEST_F(RedirectFileSystems, OverlayCountsAsItsLayers) {
    const Folder empty;
    const auto overlay = [&](const std::string& lower) {
        return std::make_unique<Mount>("overlay", "lowerdir=" + empty.path() + ":" + lower);
    };
    // Without an upper layer they are read-only.
    const auto reads = [&](const std::string& path) {
        const Fd fd = open_file(path, O_RDONLY);
        return answer(device, device.control(), USERBLK_OP_READ, fd.get());
    };
    const auto made_up = overlay("/sys/kernel");
    ASSERT_TRUE(made_up->there());
    EXPECT_EQ(reads(made_up->path() + "/notes"), EINVAL);

    const FileSystem memory(std::uint64_t{4} << 20);
    memory.make_file("file", 65536);
    {
        const auto kept = overlay(memory.path());
        EXPECT_EQ(reads(kept->path() + "/file"), 0);
    }
    // With an upper layer they can be written.
    for (const char* folder : {"/upper", "/work"})
        ASSERT_EQ(mkdir((memory.path() + folder).c_str(), 0700), 0);
    {
        const Mount both("overlay", "lowerdir=" + empty.path() + ",upperdir=" + memory.path() +
                                        "/upper,workdir=" + memory.path() + "/work");
        ASSERT_TRUE(both.there());
        const Fd fd = open_file(both.path() + "/file", O_RDWR | O_CREAT);
        ASSERT_EQ(ftruncate(fd.get(), default_size), 0);
        expect_all(fd.get(), 0, "overlay over tmpfs");
    }
}

// Files on a disk file system or in memory are accepted.
TEST_F(RedirectFileSystems, StoredFilesAreAccepted) {
    for (const char* type : {"ext4", "xfs"}) {
        const LoopDevice loop(320 << 20);
        const FileSystem file_system(type, loop.path());
        expect_all(file_system.make_file("file", default_size).get(), 0, type);
    }
    expect_all(memory_file(default_size).get(), 0, "memfd");
    const FileSystem memory(default_size * 2);
    expect_all(memory.make_file("file", default_size).get(), 0, "tmpfs");

    const Mount pages("ramfs");
    ASSERT_TRUE(pages.there());
    const Fd fd = open_file(pages.path() + "/file", O_RDWR | O_CREAT);
    ASSERT_EQ(ftruncate(fd.get(), default_size), 0);
    for (const int op : {USERBLK_OP_READ, USERBLK_OP_WRITE, USERBLK_OP_FLUSH})
        EXPECT_EQ(answer(device, device.control(), op, fd.get()), 0) << "ramfs, op " << op;
}

// Another userblk device, and a file on it: its workers could hang this one.
TEST_F(RedirectFileSystems, AnotherUserblkDeviceIsForThePrivileged) {
    userblk_config config = config_for(0);
    config.size = 32 << 20;
    TestDevice other(config);
    Store store = make_store(config.size);
    Server server(other, store);
    {
        const Fd disk = open_file(other.block_path(), O_RDWR);
        expect_all_of_nobody(disk.get(), EPERM, "userblk");
        expect_all(disk.get(), 0, "userblk");
    }
    {
        const FileSystem file_system("ext4", other.block_path());
        const Fd file = file_system.make_file("file", default_size);
        expect_all_of_nobody(file.get(), EPERM, "ext4 on userblk");
        expect_all(file.get(), 0, "ext4 on userblk");
    }
    other.close_block();
    EXPECT_EQ(info(shared.control()).redirects, 0u);
}

// The same for any other disk whose blocks come from a process, since the process cannot be
// identified. The kernel's own disks are accepted.
TEST_F(RedirectFileSystems, DisksThatProcessesServeAreForThePrivileged) {
    for (const char* name : {"ublkb77", "nbd77"}) {
        const NamedDisk named(name);
        const Fd disk = open_file(std::string("/dev/") + name, O_RDWR);
        expect_all_of_nobody(disk.get(), EPERM, name);
        EXPECT_EQ(answer(device, device.control(), USERBLK_OP_READ, disk.get()), 0) << name;
    }
    const LoopDevice loop(default_size);
    expect_all_of_nobody(open_file(loop.path(), O_RDWR).get(), 0, "loop");
}

} // namespace userblk::test
