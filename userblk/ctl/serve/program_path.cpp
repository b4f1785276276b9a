// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/program_path.hpp"

#include "userblk/ctl/command.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <unistd.h>

namespace userblk::ctl {

namespace {

namespace fs = std::filesystem;

std::optional<fs::path> find_in_path(const fs::path& name) {
    const char* const search = std::getenv("PATH");
    const std::string folders = search != nullptr ? search : "";
    for (std::size_t at = 0; at < folders.size();) {
        const auto end = std::min(folders.find(':', at), folders.size());
        const auto candidate = fs::path(folders.substr(at, end - at)) / name;
        if (candidate.is_absolute() && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
        at = end + 1;
    }
    return std::nullopt;
}

} // namespace

std::string program_path() {
    const auto& arguments = program_arguments();
    const fs::path name = arguments.empty() ? program_name : arguments.front();
    std::error_code error;
    if (name.has_parent_path())
        if (const auto path = fs::absolute(name, error).lexically_normal(); !error)
            return path; // fails if the current folder is gone
    if (const auto path = find_in_path(name))
        return *path;
    return fs::read_symlink("/proc/self/exe", error);
}

fs::path absolute_path(const fs::path& path) {
    if (path.is_absolute())
        return path;
    auto folder = fs::current_path(); // without symbolic links
    auto part = path.begin();
    for (; part != path.end() && (*part == ".." || *part == "."); ++part)
        if (*part == "..")
            folder = folder.parent_path();
    for (; part != path.end(); ++part)
        folder /= *part;
    return folder;
}

} // namespace userblk::ctl
