// SPDX-License-Identifier: MIT
#include "userblk/cli/explain.hpp"

#include "userblk/text/printable.hpp"

#include <iostream>
#include <new>

namespace userblk::cli {

std::string explain(const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error))
        return "not enough memory";
    return error.what();
}

void complain(const std::string& program, const std::string& text) {
    std::cerr << program + ": " + printable(text, "\n") + "\n" << std::flush;
}

} // namespace userblk::cli
