// SPDX-License-Identifier: MIT
// The files that announce supervisors, one name per line: whatever is in the directory, only
// supervisors that lock their file are found, and only files of dead ones are removed.
#include "fuzz.hpp"

#include "tests/unit/userblk/temporary.hpp"
#include "userblk/supervisor/supervisor_file.hpp"

#include <set>
#include <sstream>

using namespace userblk;

namespace {

// Shared by all runs: creating a directory is slow.
const test::TemporaryFolder& folder() {
    static const test::TemporaryFolder made;
    return made;
}

bool make(const std::string& name) {
    return !name.empty() && name.size() < 200 && name != "." && name != ".." &&
           name.find_first_of(std::string("/\0", 2)) == std::string::npos &&
           std::ofstream(folder().path() / name).is_open();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t most_names = 8;
    ::setenv("USERBLK_RUN_DIR", folder().path().c_str(), 1);
    std::istringstream lines{std::string(fuzz::text_of(data, size))};
    std::set<std::string> names;
    for (std::string name; names.size() < most_names && std::getline(lines, name);)
        if (make(name))
            names.insert(name);
    for (const std::uint32_t number : {0U, 7U})
        fuzz::require(announcements_of(number).empty(), "nobody has locked any of them");
    for (const auto& name : names) {
        const bool there = std::filesystem::remove(folder().path() / name);
        fuzz::require(there || name.find_first_not_of("0123456789.") == std::string::npos,
                      "what is nobody's is left alone");
    }
    return 0;
}
