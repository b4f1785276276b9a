// SPDX-License-Identifier: MIT
#include "tracing.hpp"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "fd.hpp"

namespace userblk::test {

namespace {

constexpr const char* root = "/sys/kernel/tracing";
// Recording the names of tasks patches the scheduler's own text while it runs, at which emulated
// processors now and then die. Nobody needs them here.
constexpr const char* record_names = "/sys/kernel/tracing/options/record-cmd";

void write_file(const std::string& path, const std::string& text) {
    const Fd fd = open_file(path, O_WRONLY);
    if (write(fd.get(), text.data(), text.size()) < 0)
        throw_errno("unable to write " + path);
}

} // namespace

Tracing::Tracing()
    : folder_(std::string(root) + "/instances/userblk-test-" + std::to_string(getpid())),
      recorded_names_(true) {
    std::ifstream(record_names) >> recorded_names_;
    write_file(record_names, "0");
    std::filesystem::create_directory(folder_); // takes the options over
    write_file(folder_ + "/events/userblk/enable", "1");
}

Tracing::~Tracing() {
    std::error_code ignored;
    std::ofstream(folder_ + "/events/userblk/enable") << "0";
    std::filesystem::remove(folder_, ignored); // only rmdir removes an instance
    std::ofstream(record_names) << recorded_names_;
}

std::vector<std::string> Tracing::lines(const std::string& event) const {
    std::vector<std::string> result;
    std::ifstream in(folder_ + "/trace");
    for (std::string line; std::getline(in, line);)
        if (line.find(" " + event + ": ") != std::string::npos)
            result.push_back(line);
    return result;
}

bool Tracing::exists(const std::string& event) {
    return std::filesystem::exists(std::string(root) + "/events/userblk/" + event + "/enable");
}

} // namespace userblk::test
