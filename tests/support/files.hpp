// SPDX-License-Identifier: MIT
//
// Files, disks and file systems for those who redirect. All are gone with their objects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "buffer.hpp"
#include "fd.hpp"

namespace userblk::test {

// A file without a name, in memory.
Fd memory_file(std::uint64_t size, unsigned int flags = 0);

// A hole in a file, or of a disk's blocks: 0, or an errno.
int punch(int fd, std::uint64_t offset, std::uint64_t length);

// A folder below /dev/shm, which is a tmpfs.
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

// A loop device over a file in memory.
class LoopDevice {
public:
    explicit LoopDevice(std::uint64_t size);
    LoopDevice(const LoopDevice&) = delete;
    LoopDevice& operator=(const LoopDevice&) = delete;
    ~LoopDevice();
    const std::string& path() const { return path_; }
    // The file, to be looked into past the device's own cache.
    std::string image() const { return folder_.path() + "/image"; }

private:
    Folder folder_;
    std::string path_;
};

// A disk of 16 MiB in memory (brd), whose driver ends I/O in the call that submits it.
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

// A file system made on a device and mounted; or a tmpfs. Unmounting waits until nobody uses it.
class FileSystem {
public:
    // type: ext4, xfs.
    FileSystem(const std::string& type, const std::string& device);
    // A tmpfs of this size.
    explicit FileSystem(std::uint64_t size);
    FileSystem(const FileSystem&) = delete;
    FileSystem& operator=(const FileSystem&) = delete;
    ~FileSystem();

    void unmount();
    const std::string& path() const { return folder_.path(); }
    // A file of zeros, with its blocks written if it has any size.
    Fd make_file(const std::string& name, std::uint64_t size, int flags = 0) const;

private:
    Folder folder_;
    bool mounted_ = false;
};

// What is in a file, read through a descriptor of its own, so that neither mode nor flags matter.
Buffer file_content(int fd, std::uint64_t offset, std::size_t length);
void write_to_file(int fd, std::uint64_t offset, const Buffer& data);

} // namespace userblk::test
