// SPDX-License-Identifier: MIT
#include "fuse_file.hpp"

#include <cstring>

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "eventually.hpp"
#include "process.hpp"

namespace userblk::test {

namespace {

fuse_attr attributes(std::size_t size) {
    fuse_attr result{};
    result.ino = FUSE_ROOT_ID;
    result.mode = S_IFREG | 0666;
    result.nlink = 1;
    result.size = size;
    result.blksize = 4096;
    return result;
}

} // namespace

FuseFile::FuseFile(std::size_t size) : path_(folder_.path() + "/file"), content_(size) {
    run_command({"modprobe", "fuse"});
    fd_ = open_file("/dev/fuse", O_RDWR);
    const Fd point(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const std::string options =
        "fd=" + std::to_string(fd_.get()) + ",rootmode=100666,user_id=0,group_id=0,allow_other";
    if (mount("userblk-test", path_.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()))
        throw_errno("unable to mount FUSE");
    thread_ = std::thread([this] { run(); });
}

FuseFile::~FuseFile() {
    let_go();
    EXPECT_TRUE(eventually([this] { return !umount(path_.c_str()) || errno != EBUSY; }));
    thread_.join();
}

bool FuseFile::is_waited_for() {
    return eventually([this] { return waited_for_.load(); });
}

void FuseFile::let_go() {
    held_ = false;
    held_.notify_all();
}

void FuseFile::run() {
    Buffer request(1 << 20);
    for (;;) {
        const ssize_t n = read(fd_.get(), request.data(), request.size());
        if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue;
        if (n < static_cast<ssize_t>(sizeof(fuse_in_header)) || !answer(request.data()))
            return;
    }
}

// Returns false once the connection is closed.
bool FuseFile::answer(const std::uint8_t* request) {
    fuse_in_header in;
    std::memcpy(&in, request, sizeof(in));
    const std::uint8_t* rest = request + sizeof(in);
    union {
        fuse_init_out init;
        fuse_attr_out attr;
        fuse_open_out open;
        fuse_write_out write;
    } out{};
    fuse_out_header header{0, 0, in.unique};
    iovec pieces[2] = {{&header, sizeof(header)}, {&out, 0}};
    switch (in.opcode) {
    case FUSE_INIT:
        out.init.major = FUSE_KERNEL_VERSION;
        out.init.minor = 31;
        out.init.max_write = 65536;
        out.init.max_background = 16;
        pieces[1].iov_len = sizeof(out.init);
        break;
    case FUSE_GETATTR:
    case FUSE_SETATTR:
        out.attr.attr = attributes(content_.size());
        pieces[1].iov_len = sizeof(out.attr);
        break;
    case FUSE_OPEN:
        pieces[1].iov_len = sizeof(out.open);
        break;
    case FUSE_READ: {
        waited_for_ = held_.load();
        held_.wait(true);
        fuse_read_in read;
        std::memcpy(&read, rest, sizeof(read));
        const std::size_t at = std::min<std::size_t>(read.offset, content_.size());
        pieces[1] = {content_.data() + at, std::min<std::size_t>(read.size, content_.size() - at)};
        break;
    }
    case FUSE_WRITE: {
        fuse_write_in write;
        std::memcpy(&write, rest, sizeof(write));
        if (write.offset + write.size > content_.size()) {
            header.error = -ENOSPC;
            break;
        }
        std::memcpy(content_.data() + write.offset, rest + sizeof(write), write.size);
        out.write.size = write.size;
        pieces[1].iov_len = sizeof(out.write);
        break;
    }
    case FUSE_FSYNC:
    case FUSE_FLUSH:
    case FUSE_RELEASE:
        break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return true;
    case FUSE_DESTROY:
        return false;
    default:
        header.error = -ENOSYS;
    }
    header.len = static_cast<std::uint32_t>(sizeof(header) + pieces[1].iov_len);
    writev(fd_.get(), pieces, pieces[1].iov_len ? 2 : 1);
    return true;
}

} // namespace userblk::test
