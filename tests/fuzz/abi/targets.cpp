// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/targets.hpp"

#include <sys/stat.h>

namespace userblk::fuzz {

namespace {

constexpr std::uint64_t memory_size = 16 << 20;
constexpr std::uint64_t small_size = 5000;

} // namespace

Targets::Targets()
    : loop_(std::make_unique<test::LoopDevice>(memory_size)),
      folder_(std::make_unique<test::Folder>()) {
    const auto add = [&](File file, test::Fd fd) { files_.emplace_back(file, std::move(fd)); };
    const std::string name = folder_->path() + "/file";
    add(File::memory, test::memory_file(memory_size));
    add(File::small, test::memory_file(small_size));
    add(File::loop, test::open_file(loop_->path(), O_RDWR));
    add(File::direct_loop, test::open_file(loop_->path(), O_RDWR | O_DIRECT));
    add(File::limited, test::memory_file(0));
    add(File::appending, test::open_file(name, O_RDWR | O_CREAT | O_APPEND));
    add(File::for_reading, test::open_file(name, O_RDONLY));
    add(File::for_writing, test::open_file(name, O_WRONLY));
    add(File::path, test::open_file(name, O_PATH));
    add(File::folder, test::open_file(folder_->path(), O_RDONLY));
    add(File::null, test::open_file("/dev/null", O_RDWR));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        test::throw_errno("unable to make a pipe");
    add(File::pipe_out, test::Fd(ends[0]));
    add(File::pipe_in, test::Fd(ends[1]));
}

void Targets::fill_in(Files& all) const {
    all.fill(9999);
    all[static_cast<std::size_t>(File::hole)] = USERBLK_HOLE;
    for (const auto& [file, fd] : files_)
        all[static_cast<std::size_t>(file)] = fd.get();
}

void Targets::restore() const {
    for (const auto& [file, fd] : files_) {
        if (file == File::pipe_out) {
            char scratch[4096];
            while (read(fd.get(), scratch, sizeof(scratch)) > 0)
                ;
        }
        const off_t size = file == File::memory  ? memory_size
                           : file == File::small ? small_size
                                                 : 0;
        struct stat now {};
        if ((file <= File::small || file == File::limited || file == File::for_writing) &&
            !fstat(fd.get(), &now) && now.st_size != size && ftruncate(fd.get(), size))
            test::throw_errno("unable to cut a file");
    }
}

} // namespace userblk::fuzz
