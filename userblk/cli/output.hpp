// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <iostream>
#include <streambuf>
#include <string>
#include <system_error>

namespace userblk::cli {

/// Standard output that detects write errors: while the object lives, std::cout
/// writes through it, and becomes bad() with the first write that fails. Loops that
/// write must check that. One object at a time.
class Output final : public std::streambuf {
public:
    /// Also opens standard descriptors that are closed, so that no file opened later
    /// becomes standard output; writing to it then fails.
    Output();
    ~Output() override;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// Flushes. Returns the exit status of the program: @p status, or a failure, with a
    /// message, if the output could not be written. EPIPE prints no message: the reader
    /// has read what it wanted.
    int finish(const std::string& program, int status);

private:
    int_type overflow(int_type c) override;
    int sync() override;

    std::array<char, 4096> buffer_;
    std::streambuf* before_;
    std::error_code error_;
};

} // namespace userblk::cli
