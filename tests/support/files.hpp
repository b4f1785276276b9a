// SPDX-License-Identifier: MIT
//
// Files, disks and file systems to redirect to. Each is removed with its object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "buffer.hpp"
#include "fd.hpp"

namespace userblk::test {

// An unnamed file in memory.
Fd memory_file(std::uint64_t size, unsigned int flags = 0);

// Punches a hole in a file or discards a disk's blocks: 0 or an errno.
int punch(int fd, std::uint64_t offset, std::uint64_t length);

// A directory in /dev/shm, which is a tmpfs.
class Folder {
public:
    Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder();
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

// A loop device on a file in memory.
class LoopDevice {
public:
    explicit LoopDevice(std::uint64_t size);
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    ~LoopDevice();
    const std::string& path() const { return path_; }
    // The backing file, to read past the device's own page cache.
    std::string image() const { return folder_.path() + "/image"; }

private:
    Folder folder_;
    std::string path_;
};

// A 16 MiB RAM disk (brd). Its driver completes I/O inside the submitting call.
class RamDisk {
public:
    RamDisk();
    RamDisk(const RamDisk&) = delete;
    RamDisk& operator=(const RamDisk&) = delete;
    ~RamDisk();
    const std::string& path() const { return path_; }

private:
    std::string path_ = "/dev/ram0";
};

// A file system on a device, mounted; or a tmpfs. Unmounting waits until it is no longer busy.
class FileSystem {
public:
    // type: ext4, xfs.
    FileSystem(const std::string& type, const std::string& device);
    // A tmpfs of that size.
    explicit FileSystem(std::uint64_t size);
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;
    ~FileSystem();

    void unmount();
    const std::string& path() const { return folder_.path(); }
    // A file of zeros; if it has a size, its blocks are written.
    Fd make_file(const std::string& name, std::uint64_t size, int flags = 0) const;

private:
    Folder folder_;
    bool mounted_ = false;
};

// The content of a file, read through a separate descriptor, so that open mode and flags of `fd` do
// not matter.
Buffer file_content(int fd, std::uint64_t offset, std::size_t length);
void write_to_file(int fd, std::uint64_t offset, const Buffer& data);

} // namespace userblk::test
