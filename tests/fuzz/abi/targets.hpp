// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "tests/fuzz/abi/step.hpp"
#include "tests/support/fd.hpp"
#include "tests/support/files.hpp"

namespace userblk::fuzz {

// Files of all kinds to redirect requests to, except those of the devices. Created by root, since
// there are loop devices among them; any process that inherits them may use them.
class Targets {
public:
    Targets();

    void fill_in(Files& all) const;
    // Restores their state: programs extend them and fill the pipe.
    void restore() const;

private:
    std::unique_ptr<test::LoopDevice> loop_;
    std::unique_ptr<test::Folder> folder_;
    std::vector<std::pair<File, test::Fd>> files_;
};

} // namespace userblk::fuzz
