// SPDX-License-Identifier: MIT
#include "userblk/inspect/process_tree.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace userblk::inspect {

namespace {

struct Status {
    char state = 'X';
    pid_t parent = 0;
};

// /proc/PID/stat is "PID (NAME) STATE PARENT …", and NAME may contain anything.
Status status_of(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/stat");
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(')');
    Status status;
    if (name_end == std::string::npos)
        return status;
    std::istringstream rest(line.substr(name_end + 1));
    rest >> status.state >> status.parent;
    return status;
}

bool alive(const Status& status) {
    return status.state != 'Z' && status.state != 'X';
}

} // namespace

std::set<pid_t> children_of(pid_t parent) {
    std::set<pid_t> children;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const auto name = entry->path().filename().string();
        if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); }))
            continue;
        const auto status = status_of(name);
        if (status.parent == parent && alive(status))
            children.insert(std::stoi(name));
    }
    return children;
}

pid_t parent_of(pid_t pid) {
    return status_of(std::to_string(pid)).parent;
}

bool is_alive(pid_t pid) {
    return alive(status_of(std::to_string(pid)));
}

} // namespace userblk::inspect
