// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

namespace userblk::fuzz {

// The program counters of the loaded module that KCOV can report, and their functions: from the
// module file, by readelf, and the addresses of its sections. Needs root.
class ModuleMap {
public:
    ModuleMap();

    struct Function {
        std::size_t covered = 0, points = 0;
    };
    // For every function, by name; empty if the module is built without KCOV.
    std::map<std::string, Function> count(const std::unordered_set<std::uint64_t>& covered) const;

private:
    struct Site {
        std::uint64_t address;
        std::string function;
    };
    std::vector<Site> sites_;
};

// "421 of 500 points (84.2 %) in 100 of 103 functions", and a line for each function that is not
// fully covered.
std::string described(const std::map<std::string, ModuleMap::Function>& functions);
std::string list_of(const std::map<std::string, ModuleMap::Function>& functions);

} // namespace userblk::fuzz
