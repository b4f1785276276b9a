// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/supervisor/reexec_state.hpp"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace userblk {

/// Internal: a program that finds out whether another would come up, in a process beside this
/// one. It does by status 0, and says why not on standard error.
class StartCheck {
public:
    /// @throws std::system_error
    StartCheck(const std::vector<std::string>& program, const ReexecState& handover);
    StartCheck(const StartCheck&) = delete;
    StartCheck& operator=(const StartCheck&) = delete;
    /// Kills it if it is still at it.
    ~StartCheck();

    /// One of them is readable when there is something for result() to look at.
    int pidfd() const noexcept { return pidfd_.get(); }
    int output() const noexcept { return output_.get(); }
    /// Nothing: not yet. Empty: it would come up; otherwise why not.
    std::optional<std::string> result();

private:
    void read_output();
    std::string reason(int status) const;

    pid_t pid_ = -1;
    bool over_ = false;
    abi::FileDescriptor pidfd_, output_;
    std::string text_;
};

} // namespace userblk
