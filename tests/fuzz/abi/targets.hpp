// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <vector>

#include "tests/fuzz/abi/step.hpp"
#include "tests/support/fd.hpp"
#include "tests/support/files.hpp"

namespace userblk::fuzz {

// Files of all kinds to redirect requests to, but for those of the devices. Made by root, so that
// there are loop devices; whoever inherits them may use them.
class Targets {
public:
    Targets();

    void fill_in(Files& all) const;
    // To what they were: programs make them longer, and fill the pipe.
    void tidy() const;

private:
    std::unique_ptr<test::LoopDevice> loop_;
    std::unique_ptr<test::Folder> folder_;
    std::vector<std::pair<File, test::Fd>> files_;
};

} // namespace userblk::fuzz
