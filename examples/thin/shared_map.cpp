// SPDX-License-Identifier: MIT
#include "shared_map.hpp"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace thin {

namespace {

// The path of the next file. Only the holder of the lock writes it.
std::string next_path(const std::string& path) {
    return path + ".new";
}

} // namespace

void SharedMap::create(const std::string& path, const Header& header) {
    // Not next_path(), which a worker that serves a volume of that name may be writing.
    const auto next = path + ".create-" + std::to_string(::getpid());
    MapFile::write_new(next, header, {});
    const int linked = ::link(next.c_str(), path.c_str()); // unlike rename, replaces no file
    const int error = errno;
    ::unlink(next.c_str());
    errno = error;
    if (linked < 0)
        fail("create " + path);
    sync_folder(path);
}

SharedMap::SharedMap(const std::string& path, MapFile::Mode mode)
    : path_(std::filesystem::absolute(path)), file_(path_, mode), map_(file_.header().blocks()) {
    if (mode == MapFile::Mode::read_only) {
        follow();
        return;
    }
    const Lock lock(*this);
    file_.clear_from(tail_);
    sync_folder(path_); // in case the process that renamed it died before this
}

void SharedMap::refresh() {
    if (!file_.may_have(tail_))
        return;
    follow();
    if (ended_)
        const Lock lock(*this); // another process is switching files, or died during it
}

// An incomplete record does not count: its writer has not returned from the write, and has
// acknowledged nothing that depends on it.
void SharedMap::follow() {
    while (!ended_) {
        const auto record = file_.read(tail_);
        if (!record)
            break;
        if (record->kind == Record::Kind::end) {
            ended_ = true;
            break;
        }
        try {
            map_.apply(*record);
        } catch (const Damaged& damage) {
            throw Damaged(path_ + ", record " + std::to_string(tail_) + ": " + damage.what());
        }
        ++tail_;
    }
    if (tail_ < file_.header().checkpoint)
        throw Damaged(path_ + ", record " + std::to_string(tail_) +
                      ": the checkpoint is damaged; it has " +
                      std::to_string(file_.header().checkpoint) + " records");
}

void SharedMap::sync() {
    if (synced_ == tail_)
        return;
    sync_data(fd());
    synced_ = tail_;
}

void SharedMap::acquire() {
    for (;;) {
        file_.lock();
        try {
            follow();
            const bool full = file_.header().capacity - tail_ <= most_appended;
            if (!ended_ && !full)
                return;
            if (file_.is_at(path_))
                write_new_file();
            go_on_in_new_file(); // releases the lock on the old one
        } catch (...) {
            file_.unlock();
            throw;
        }
    }
}

SharedMap::Lock::~Lock() {
    try {
        map_.file_.unlock();
    } catch (...) { // cannot fail while the lock is held
    }
}

void SharedMap::append(const Record& record) {
    map_.apply(record); // an inconsistent record must not be written
    try {
        file_.write(tail_, record);
    } catch (...) {
        read_again();
        throw;
    }
    ++tail_;
}

void SharedMap::read_again() {
    map_ = BlockMap(file_.header().blocks());
    tail_ = synced_ = 0;
    ended_ = false;
    follow();
}

void SharedMap::write_new_file() {
    const auto next = next_path(path_);
    MapFile::write_new(next, file_.header(), map_.records());
    if (!ended_)
        file_.write(tail_, {.kind = Record::Kind::end});
    ended_ = true;
    if (::rename(next.c_str(), path_.c_str()) < 0)
        fail("rename " + next);
}

void SharedMap::go_on_in_new_file() {
    MapFile next(path_, MapFile::Mode::read_write);
    sync_folder(path_); // from now on acknowledged data depends on this file
    file_.continue_in(std::move(next));
    read_again();
}

} // namespace thin
