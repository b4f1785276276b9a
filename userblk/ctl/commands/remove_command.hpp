// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/ctl/command.hpp"

#include <cstdint>

namespace userblk::ctl {

/// Removes devices and named memory.
class RemoveCommand final : public Command {
public:
    std::string name() const override { return "remove"; }
    std::string summary() const override { return "Remove devices"; }
    std::string details() const override;
    void declare(CommandLine& line) override;
    int run() override;

private:
    void remove_memory(const std::string& store) const;

    std::vector<std::string> devices_;
    bool all_ = false;
    bool force_ = false;
};

} // namespace userblk::ctl
