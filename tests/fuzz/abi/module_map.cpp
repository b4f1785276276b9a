// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/module_map.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/fuzz/abi/coverage.hpp"
#include "tests/support/process.hpp"

namespace userblk::fuzz {

namespace {

// Code that stays loaded; the init and exit functions run without a fuzzer.
bool is_text(const std::string& section) {
    return section.starts_with(".text");
}

std::uint64_t address_of(const std::string& section) {
    std::ifstream in("/sys/module/userblk/sections/" + section);
    std::uint64_t address = 0;
    in >> std::hex >> address;
    return address;
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

std::uint64_t hexadecimal(const std::string& text) {
    return std::strtoull(text.c_str(), nullptr, 16);
}

std::string readelf(const char* what, const std::string& file) {
    return test::run_command({"readelf", what, file}).output;
}

std::string module_file() {
    if (const char* given = std::getenv("USERBLK_MODULE"))
        return given;
    std::string name = test::run_command({"modinfo", "-n", "userblk"}).output;
    name.erase(name.find_last_not_of('\n') + 1);
    return name;
}

// Sections by number: "[ 2] .text PROGBITS …"; the space in the brackets keeps the line from being
// split into words.
std::map<int, std::string> sections_of(const std::string& file) {
    std::map<int, std::string> sections;
    std::istringstream lines(readelf("-SW", file));
    for (std::string line; std::getline(lines, line);) {
        const std::size_t from = line.find('['), to = line.find(']');
        if (from == std::string::npos || to == std::string::npos)
            continue;
        const std::vector<std::string> words = words_of(line.substr(to + 1));
        if (!words.empty())
            sections[std::atoi(line.c_str() + from + 1)] = words[0];
    }
    return sections;
}

// Functions by start address, for each section.
using Functions = std::map<std::string, std::map<std::uint64_t, std::string>>;

Functions functions_of(const std::string& file) {
    const std::map<int, std::string> sections = sections_of(file);
    Functions functions;
    std::istringstream lines(readelf("-sW", file));
    for (std::string line; std::getline(lines, line);) {
        // Num: Value Size Type Bind Vis Ndx Name
        const std::vector<std::string> words = words_of(line);
        if (words.size() < 8 || words[3] != "FUNC")
            continue;
        const auto section = sections.find(std::atoi(words[6].c_str()));
        if (section != sections.end())
            functions[section->second][hexadecimal(words[1])] = words[7];
    }
    return functions;
}

} // namespace

ModuleMap::ModuleMap() {
    if (!Kcov::available())
        return;
    const std::string file = module_file();
    const Functions functions = functions_of(file);
    std::istringstream lines(readelf("-rW", file));
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        // Relocation section '.rela.text' at …
        if (line.starts_with("Relocation section '.rela"))
            section = line.substr(25, line.find('\'', 25) - 25);
        const std::vector<std::string> words = words_of(line);
        if (words.size() < 5 || words[4] != "__sanitizer_cov_trace_pc" || !is_text(section))
            continue;
        const std::uint64_t offset = hexadecimal(words[0]);
        const auto in_section = functions.find(section);
        if (in_section == functions.end())
            continue;
        auto function = in_section->second.upper_bound(offset);
        if (function == in_section->second.begin())
            continue;
        // KCOV reports the return address of the call, the relocation the address of its operand.
        sites_.push_back({address_of(section) + offset + 4, std::prev(function)->second});
    }
}

std::map<std::string, ModuleMap::Function>
ModuleMap::count(const std::unordered_set<std::uint64_t>& covered) const {
    std::map<std::string, Function> functions;
    for (const Site& site : sites_) {
        Function& function = functions[site.function];
        function.points++;
        function.covered += covered.contains(site.address);
    }
    return functions;
}

std::string described(const std::map<std::string, ModuleMap::Function>& functions) {
    std::size_t covered = 0, points = 0, met = 0;
    for (const auto& [name, function] : functions) {
        covered += function.covered;
        points += function.points;
        met += function.covered > 0;
    }
    char text[160];
    std::snprintf(text, sizeof(text), "%zu of %zu points (%.1f %%) in %zu of %zu functions",
                  covered, points,
                  points ? 100.0 * static_cast<double>(covered) / static_cast<double>(points) : 0.0,
                  met, functions.size());
    return text;
}

std::string list_of(const std::map<std::string, ModuleMap::Function>& functions) {
    std::string text;
    for (const auto& [name, function] : functions)
        if (function.covered < function.points)
            text += std::to_string(function.covered) + "/" + std::to_string(function.points) +
                    "\t" + name + "\n";
    return text;
}

} // namespace userblk::fuzz
