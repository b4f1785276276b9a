// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/supervisor/reexec_state.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk {

/// Internal: runs a program, beside this process, that checks whether it would start to serve. It
/// exits with status 0 if so; otherwise it prints the reason on standard error.
class StartCheck {
public:
    /// @throws std::system_error
    StartCheck(const std::vector<std::string>& program, const ReexecState& state);
    StartCheck(const StartCheck&) = delete;
    StartCheck& operator=(const StartCheck&) = delete;
    /// Kills it if it still runs.
    ~StartCheck();

    /// When one of them is readable, call result().
    int pidfd() const noexcept { return pidfd_.get(); }
    int output() const noexcept { return output_.get(); }
    /// Nothing: it still runs. Empty: the program would start. Otherwise: the reason why not.
    std::optional<std::string> result();

private:
    void read_output();
    std::string reason(int status) const;

    pid_t pid_ = -1;
    bool ended_ = false;
    abi::FileDescriptor pidfd_, output_;
    std::string text_;
};

} // namespace userblk
