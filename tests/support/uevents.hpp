// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>

#include "fd.hpp"

namespace userblk::test {

// The kernel's uevents, from construction on.
class Uevents {
public:
    using Event = std::map<std::string, std::string>; // its variables

    Uevents();
    // Waits for an event of /dev/NAME with this ACTION and, unless it is empty, this variable
    // (KEY=VALUE); returns whether it came. Drops all others meanwhile.
    bool await(const std::string& name, const std::string& action,
               const std::string& variable = "");
    // How many of these have come so far.
    std::size_t count(const std::string& name, const std::string& action,
                      const std::string& variable);

private:
    bool receive(Event& event);

    Fd fd_;
};

} // namespace userblk::test
