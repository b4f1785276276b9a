// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "buffer.hpp"
#include "fd.hpp"
#include "files.hpp"

namespace userblk::test {

// A FUSE file system with a single file, served by a thread of this process without any library.
class FuseFile {
public:
    explicit FuseFile(std::size_t size);
    FuseFile(const FuseFile&) = delete;
    FuseFile& operator=(const FuseFile&) = delete;
    ~FuseFile();

    const std::string& path() const { return path_; }
    // The file's content.
    Buffer& content() { return content_; }
    // From now on reads of it block until let_go().
    void hold() { held_ = true; }
    // Waits until a read blocks on it; false if none does.
    bool is_waited_for();
    void let_go();

private:
    void run();
    bool answer(const std::uint8_t* request);

    Folder folder_;
    std::string path_;
    Buffer content_;
    std::atomic<bool> held_ = false;
    std::atomic<bool> waited_for_ = false;
    Fd fd_;
    std::thread thread_;
};

} // namespace userblk::test
