// SPDX-License-Identifier: MIT
#include "files.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "eventually.hpp"
#include "process.hpp"

namespace userblk::test {

namespace {

// The command's output without its newline; throws if the command fails.
std::string succeed(const std::vector<std::string>& argv) {
    CommandResult result = run_command(argv);
    if (result.status)
        throw std::runtime_error(argv[0] + ": " + result.output);
    while (result.output.ends_with('\n'))
        result.output.pop_back();
    return result.output;
}

Fd open_again(int fd, int flags) {
    return open_file("/proc/self/fd/" + std::to_string(fd), flags);
}

} // namespace

int punch(int fd, std::uint64_t offset, std::uint64_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                     static_cast<off_t>(length))
               ? errno
               : 0;
}

Fd memory_file(std::uint64_t size, unsigned int flags) {
    Fd fd(memfd_create("userblk-test", flags | MFD_CLOEXEC));
    if (!fd.open() || ftruncate(fd.get(), static_cast<off_t>(size)))
        throw_errno("unable to make a file in memory");
    return fd;
}

Folder::Folder() : path_("/dev/shm/userblk-XXXXXX") {
    if (!mkdtemp(path_.data()))
        throw_errno("unable to make a folder");
}

Folder::~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
    EXPECT_FALSE(error) << path_ << ": " << error.message();
}

LoopDevice::LoopDevice(std::uint64_t size) {
    const Fd fd = open_file(image(), O_RDWR | O_CREAT);
    if (ftruncate(fd.get(), static_cast<off_t>(size)))
        throw_errno("unable to make " + image());
    run_command({"modprobe", "loop"});
    path_ = succeed({"losetup", "--find", "--show", image()});
}

LoopDevice::~LoopDevice() {
    const CommandResult result = run_command({"losetup", "--detach", path_});
    EXPECT_EQ(result.status, 0) << result.output;
}

RamDisk::RamDisk() {
    succeed({"modprobe", "brd", "rd_nr=1", "rd_size=16384"});
}

RamDisk::~RamDisk() {
    EXPECT_TRUE(eventually([] { return run_command({"modprobe", "-r", "brd"}).status == 0; }));
}

FileSystem::FileSystem(const std::string& type, const std::string& device) {
    succeed({"mkfs." + type, "-q", device});
    succeed({"mount", "-t", type, device, path()});
    mounted_ = true;
}

FileSystem::FileSystem(std::uint64_t size) {
    if (mount("userblk-test", path().c_str(), "tmpfs", 0, ("size=" + std::to_string(size)).c_str()))
        throw_errno("unable to mount a tmpfs");
    mounted_ = true;
}

FileSystem::~FileSystem() {
    unmount();
}

void FileSystem::unmount() {
    if (!mounted_)
        return;
    mounted_ = false;
    // A redirected request releases its file shortly after it completes.
    EXPECT_TRUE(eventually([this] { return !umount(path().c_str()) || errno != EBUSY; }));
}

Fd FileSystem::make_file(const std::string& name, std::uint64_t size, int flags) const {
    const std::string file = path() + "/" + name;
    const Buffer zeros(std::min<std::uint64_t>(size, 1 << 20));
    {
        const Fd fd(open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!fd.open())
            throw_errno("unable to make " + file);
        for (std::uint64_t done = 0; done < size; done += zeros.size())
            write_to_file(fd.get(), done, zeros);
        if (ftruncate(fd.get(), static_cast<off_t>(size)) || fsync(fd.get()))
            throw_errno("unable to make " + file);
    }
    return open_file(file, O_RDWR | flags);
}

Buffer file_content(int fd, std::uint64_t offset, std::size_t length) {
    const Fd file = open_again(fd, O_RDONLY);
    Buffer data(length);
    const ssize_t n = pread(file.get(), data.data(), length, static_cast<off_t>(offset));
    EXPECT_EQ(n, static_cast<ssize_t>(length)) << std::strerror(errno);
    return data;
}

void write_to_file(int fd, std::uint64_t offset, const Buffer& data) {
    const Fd file = open_again(fd, O_WRONLY);
    const ssize_t n = pwrite(file.get(), data.data(), data.size(), static_cast<off_t>(offset));
    EXPECT_EQ(n, static_cast<ssize_t>(data.size())) << std::strerror(errno);
}

} // namespace userblk::test
