// SPDX-License-Identifier: MIT
//
// A worker without privileges tries to block others: it is stopped at every possible point, and its
// memory and its files never answer. Another device goes on, and root's forced removal completes.
#include <csignal>
#include <cstring>
#include <thread>

#include <linux/fuse.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tests/support/files.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"
#include "tests/system/support/dm_device.hpp"
#include "tests/system/support/system_test.hpp"
#include "tests/system/support/unprivileged.hpp"

namespace userblk::test {

namespace {

// The worker's activity when it is stopped. Its memory never answers.
struct Position {
    const char* name;
    bool write; // the request involved, if it takes one
    void (*body)(int fd, void* memory);
};

void splice_into_a_full_pipe(int fd, void*) {
    const userblk_request request = take(fd);
    int ends[2];
    if (pipe2(ends, 0))
        return;
    for (off64_t at = static_cast<off64_t>(request.payload);;) {
        at = static_cast<off64_t>(request.payload);
        splice(fd, &at, ends[1], nullptr, request.length, 0);
    }
}

void read_into(int fd, void* memory) {
    const userblk_request request = take(fd);
    pread(fd, memory, request.length, static_cast<off_t>(request.payload));
}

void write_from(int fd, void* memory) {
    const userblk_request request = take(fd);
    pwrite(fd, memory, request.length, static_cast<off_t>(request.payload));
}

const Position positions[] = {
    {"InGet", false,
     [](int fd, void*) {
         take(fd);
         userblk_request request = record();
         get(fd, {&request, 1}, for_ever);
     }},
    {"InServe", false,
     [](int fd, void*) {
         take(fd);
         userblk_request request = record();
         userblk_serve argument = serve_argument({}, {&request, 1}, for_ever);
         serve(fd, argument);
     }},
    {"InPoll", false, [](int fd, void*) { take(fd), poll_events(fd, POLLIN, -1); }},
    {"InTheDataOfAGet", true,
     [](int fd, void* memory) {
         userblk_request request = record(memory, 65536);
         get(fd, {&request, 1}, for_ever);
     }},
    {"InTheDataOfAPut", false,
     [](int fd, void* memory) {
         const userblk_request request = take(fd);
         put(fd, complete_read(request.id, memory, request.length));
     }},
    {"InTheDataOfAStore", true,
     [](int fd, void* memory) {
         const userblk_request request = take(fd);
         put(fd, store(request.id, memory, 65536));
     }},
    {"InTheRecordsOfAPut", false,
     [](int fd, void* memory) {
         take(fd);
         put(fd, std::span(static_cast<userblk_answer*>(memory), 16));
     }},
    {"InTheListOfInfo", false,
     [](int fd, void* memory) {
         take(fd);
         userblk_info argument = info_argument({static_cast<userblk_taken*>(memory), 4});
         ioctl_error(fd, USERBLK_INFO, &argument);
     }},
    {"InPread", true, read_into},
    {"InPwrite", false, write_from},
    {"InSplice", true, splice_into_a_full_pipe},
};

// A folder of a FUSE file system with one file, reads of which never complete. A thread serves it;
// the creator owns it.
class SilentFolder {
public:
    explicit SilentFolder(const std::string& path) : fd_(open_file("/dev/fuse", O_RDWR)) {
        const std::string options =
            "fd=" + std::to_string(fd_.get()) + ",rootmode=040755,user_id=0,group_id=0,allow_other";
        if (mount("userblk-test", path.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()))
            throw_errno("unable to mount FUSE");
        std::thread([this] { run(); }).detach();
    }

private:
    void run() {
        Buffer request(1 << 17);
        while (read(fd_.get(), request.data(), request.size()) > 0 || errno == EINTR)
            answer(request.data());
    }
    static fuse_attr attributes(std::uint64_t node) {
        fuse_attr result{};
        result.ino = node;
        result.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
        result.nlink = 1;
        result.size = node == FUSE_ROOT_ID ? 0 : 1 << 20;
        result.blksize = 4096;
        return result;
    }
    void answer(const std::uint8_t* request) const {
        fuse_in_header in;
        std::memcpy(&in, request, sizeof(in));
        union {
            fuse_init_out init;
            fuse_attr_out attr;
            fuse_entry_out entry;
            fuse_open_out open;
            fuse_statfs_out statfs;
        } out{};
        fuse_out_header header{sizeof(header), 0, in.unique};
        switch (in.opcode) {
        case FUSE_INIT:
            out.init.major = FUSE_KERNEL_VERSION;
            out.init.minor = 31;
            out.init.max_write = 65536;
            header.len += sizeof(out.init);
            break;
        case FUSE_GETATTR:
            out.attr.attr = attributes(in.nodeid);
            header.len += sizeof(out.attr);
            break;
        case FUSE_LOOKUP:
            if (!std::strcmp(reinterpret_cast<const char*>(request + sizeof(in)), "file")) {
                out.entry.nodeid = out.entry.attr.ino = 2;
                out.entry.attr = attributes(2);
                header.len += sizeof(out.entry);
            } else {
                header.error = -ENOENT;
            }
            break;
        case FUSE_OPEN:
        case FUSE_OPENDIR:
            header.len += sizeof(out.open);
            break;
        case FUSE_STATFS:
            out.statfs.st.namelen = 255;
            header.len += sizeof(out.statfs);
            break;
        case FUSE_RELEASE:
        case FUSE_RELEASEDIR:
        case FUSE_FLUSH:
            break;
        case FUSE_READ:
        case FUSE_FORGET:
        case FUSE_BATCH_FORGET:
        case FUSE_INTERRUPT:
            return;
        default:
            header.error = -ENOSYS;
        }
        iovec pieces[2] = {{&header, sizeof(header)}, {&out, header.len - sizeof(header)}};
        writev(fd_.get(), pieces, 2);
    }

    Fd fd_;
};

} // namespace

class HoldUp : public SystemTest {
protected:
    static userblk_config config(std::uint64_t flags = 0) {
        userblk_config result = config_for_nobody();
        result.flags |= flags;
        return result;
    }
    // Checks that another device still does its work.
    void expect_others_go_on() {
        Store store = make_store(default_size);
        Server server(other_, store);
        EXPECT_EQ(other_.write(65536, pattern(65536, 1))->result(), 0);
        const Io read = other_.read(65536, 65536);
        EXPECT_EQ(read->result(), 0);
        EXPECT_EQ(read->data(), pattern(65536, 1));
        TestDevice third;
        EXPECT_EQ(third.remove(), 0);
    }
    static void expect_removal_ends(TestDevice& device) {
        const Io removal = start_thread([&] { return device.remove(); });
        EXPECT_TRUE(eventually([&] { return removal->finished(); }, 10s)) << "removal hangs";
        EXPECT_EQ(removal->result(), 0);
    }

    TestDevice other_{full_config(default_size)};
};

class HoldUpBy : public HoldUp, public testing::WithParamInterface<Position> {};

INSTANTIATE_TEST_SUITE_P(AWorkerStopped, HoldUpBy, testing::ValuesIn(positions),
                         [](const auto& about) { return std::string(about.param.name); });

// The worker is stopped at the position, and not continued before the device is gone.
TEST_P(HoldUpBy, WhereItHurts) {
    TestDevice device(config());
    const Io io = GetParam().write ? device.write(0, pattern(4096, 2)) : device.read(0, 4096);
    Child worker([&](ChildSide& side) -> int {
        UnansweredMemory memory(64 << 10);
        become(Kind::plain);
        const Fd fd = device.open_control();
        side.tell();
        GetParam().body(fd.get(), memory.data());
        return 90; // it did not block there
    });
    worker.await();
    EXPECT_TRUE(eventually([&] { return info(device.control()).gets > 0; }));
    EXPECT_TRUE(eventually_sleeps(worker.pid()));
    worker.signal(SIGSTOP);
    expect_others_go_on();
    expect_removal_ends(device);
    EXPECT_NE(io->result(), 0);
    worker.signal(SIGKILL);
    EXPECT_EQ(worker.wait(), 128 + SIGKILL);
}

// The creator allows redirection, and root lends the worker a disk that does not answer. What it
// redirects there ends with that disk's I/O; removal does not wait for the worker, stopped or dead.
TEST_F(HoldUp, ByASlowDiskEndsWithTheDisk) {
    DmDevice slow("userblk-test-slow", default_size);
    TestDevice device(config(USERBLK_F_REDIRECT));
    ASSERT_EQ(chown(slow.path().c_str(), nobody, nobody), 0);
    slow.suspend();
    const Io io = device.read(0, 4096);
    Child worker([&](ChildSide& side) -> int {
        become(Kind::plain);
        const Fd fd = device.open_control();
        Fd disk = open_file(slow.path(), O_RDWR | O_DIRECT);
        const userblk_request request = take(fd.get());
        side.tell(put(fd.get(), redirect(request, disk.get(), 0)));
        disk.reset();
        side.tell();
        side.sleep_for_ever();
    });
    EXPECT_EQ(worker.await(), 0u);
    worker.await();
    worker.stop();
    EXPECT_EQ(info(device.control()).redirected, 1u);
    expect_others_go_on();
    EXPECT_FALSE(io->finished());
    slow.resume();
    EXPECT_EQ(io->result(), 0);
    expect_removal_ends(device);
}

// Nor may the disk be one that another worker serves or leaves unserved: the kernel cannot see who
// that is.
TEST_F(HoldUp, ByADiskThatAnotherWorkerServesIsRefused) {
    TestDevice slow(full_config(default_size)), device(config(USERBLK_F_REDIRECT));
    ASSERT_EQ(chown(slow.block_path().c_str(), nobody, nobody), 0);
    const Io io = device.read(0, 4096);
    Child worker([&](ChildSide& side) -> int {
        become(Kind::plain);
        const Fd fd = device.open_control();
        const Fd disk = open_file(slow.block_path(), O_RDWR | O_DIRECT);
        const userblk_request request = take(fd.get());
        side.tell(put(fd.get(), redirect(request, disk.get(), 0)));
        side.sleep_for_ever();
    });
    EXPECT_EQ(worker.await(), std::uint64_t{EPERM});
    worker.stop();
    EXPECT_EQ(info(device.control()).redirected, 0u);
    expect_removal_ends(device);
    EXPECT_NE(io->result(), 0);
}

// The worker may redirect to a file of its own while another of its threads writes to that file
// something that never arrives, and so locks out other writers. That blocks nobody else, and ends
// with the worker.
TEST_F(HoldUp, ByAFileThatItKeepsLockedEndsWithItsDeath) {
    TestDevice device(config(USERBLK_F_REDIRECT));
    Child worker([&](ChildSide& side) -> int {
        UnansweredMemory memory(4096);
        const Fd file = memory_file(65536);
        become(Kind::plain);
        std::thread([&] { pwrite(file.get(), memory.data(), 4096, 0); }).detach();
        const Fd fd = device.open_control();
        const userblk_request request = take(fd.get());
        side.tell(memory.touched() ? put(fd.get(), redirect(request, file.get(), 0)) : ETIME);
        side.sleep_for_ever();
    });
    const Io io = device.write(0, pattern(4096, 2));
    EXPECT_EQ(worker.await(), 0u);
    worker.stop();
    EXPECT_EQ(info(device.control()).redirected, 1u);
    expect_others_go_on();
    worker.signal(SIGKILL);
    EXPECT_EQ(worker.wait(), 128 + SIGKILL);
    expect_removal_ends(device);
    EXPECT_TRUE(io->finished());
}

// A FUSE file that the worker itself serves, and the same file seen through an overlay, are refused
// as targets, so the worker goes on holding the request. It drops its privileges before it mounts
// them or after.
class HoldUpByOwnFiles : public HoldUp {
protected:
    void expect_refused(Kind kind, bool mounts_itself) {
        run({"modprobe", "fuse"});
        run({"modprobe", "overlay"});
        ASSERT_EQ(chmod("/dev/fuse", 0666), 0);
        TestDevice device(config(USERBLK_F_REDIRECT));
        const Io io = device.read(0, 4096);
        Child worker([&](ChildSide& side) -> int {
            if (mounts_itself)
                become(kind);
            if (unshare(CLONE_NEWNS) || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr))
                return 79;
            if (mount("userblk-test", "/mnt", "tmpfs", 0, nullptr))
                return 80;
            for (const char* folder : {"/mnt/fuse", "/mnt/empty", "/mnt/overlay"})
                if (mkdir(folder, 0755))
                    return 81;
            SilentFolder silent("/mnt/fuse");
            Fd direct = open_file("/mnt/fuse/file", O_RDONLY);
            if (mount("userblk-test", "/mnt/overlay", "overlay", 0,
                      "lowerdir=/mnt/empty:/mnt/fuse"))
                return 82;
            Fd hidden = open_file("/mnt/overlay/file", O_RDONLY);
            if (!mounts_itself)
                become(kind);
            const Fd fd = device.open_control();
            const userblk_request request = take(fd.get());
            side.tell(put(fd.get(), redirect(request, direct.get(), 0)));
            side.tell(put(fd.get(), redirect(request, hidden.get(), 0)));
            // Its own exit would ask it about them.
            direct.reset();
            hidden.reset();
            side.tell();
            side.sleep_for_ever();
        });
        EXPECT_EQ(worker.await(), std::uint64_t{EPERM});
        EXPECT_EQ(worker.await(), std::uint64_t{EPERM});
        worker.await();
        worker.stop();
        EXPECT_EQ(info(device.control()).redirected, 0u);
        expect_removal_ends(device);
        EXPECT_NE(io->result(), 0);
    }
};

// In a user namespace, anybody can mount both. Neither is accepted: removal would wait for the
// worker.
TEST_F(HoldUpByOwnFiles, InItsNamespaceAreRefused) {
    expect_refused(Kind::user_namespace, true);
}

// root owns the mounts, the overlay too, which shows no sign of its lower layer.
TEST_F(HoldUpByOwnFiles, ThatRootMountedAreRefused) {
    expect_refused(Kind::plain, false);
}

} // namespace userblk::test
