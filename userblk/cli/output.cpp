// SPDX-License-Identifier: MIT
#include "userblk/cli/output.hpp"

#include "userblk/cli/explain.hpp"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace userblk::cli {

namespace {

// Opens it in the wrong mode, so that reads, or writes, fail as before.
void hold_closed_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            // The lowest free descriptor, which is this one. Programs may inherit it.
            [[maybe_unused]]
            const int held =
                ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); // NOLINT
}

} // namespace

Output::Output() {
    hold_closed_descriptors();
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    before_ = std::cout.rdbuf(this);
}

Output::~Output() {
    sync();
    std::cout.rdbuf(before_);
}

Output::int_type Output::overflow(int_type c) {
    if (sync() < 0)
        return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof()))
        sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
}

int Output::sync() {
    const char* from = pbase();
    while (!error_ && from < pptr()) {
        const auto count = ::write(STDOUT_FILENO, from, static_cast<std::size_t>(pptr() - from));
        if (count > 0)
            from += count;
        else if (count == 0 || errno != EINTR)
            error_ = std::error_code(count == 0 ? EIO : errno, std::generic_category());
    }
    // Drops what could not be written, so that it is not written later.
    setp(buffer_.data(), buffer_.data() + buffer_.size());
    return error_ ? -1 : 0;
}

int Output::finish(const std::string& program, int status) {
    std::cout.flush();
    if (!error_ || error_ == std::errc::broken_pipe)
        return status;
    complain(program, "unable to write to standard output: " + error_.message());
    return status == exit_success ? exit_failure : status;
}

} // namespace userblk::cli
