// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"
#include "userblk/inspect/recover.hpp"

namespace userblk::ctl {

/// The same as userblk-recover --reset, by the same code.
class ResetCommand final : public Command {
public:
    std::string name() const override { return "reset"; }
    std::string summary() const override {
        return "Put requests of dead processes back into the queue";
    }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    inspect::RecoverOptions options_;
};

} // namespace userblk::ctl
