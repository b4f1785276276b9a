// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/inspect/recover.hpp"

namespace userblk::ctl {

/// What userblk-recover --reset does, by the same code.
class ResetCommand final : public Command {
public:
    std::string name() const override { return "reset"; }
    std::string summary() const override {
        return "Put requests back into the queue that the dead have taken";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    inspect::RecoverOptions options_;
};

} // namespace userblk::ctl
