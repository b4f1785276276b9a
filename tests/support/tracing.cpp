// SPDX-License-Identifier: MIT
#include "tracing.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace userblk::test {

namespace {

const std::string root = "/sys/kernel/tracing";

std::string new_folder() {
    static std::atomic<unsigned int> count;
    return root + "/instances/userblk-test-" + std::to_string(getpid()) + "-" +
           std::to_string(count++);
}

} // namespace

Tracing::Tracing(std::vector<std::string> events,
                 const std::map<std::string, std::string>& settings)
    : folder_(new_folder()), events_(std::move(events)) {
    std::filesystem::create_directory(folder_);
    for (const auto& [file, text] : settings)
        write(file, text);
    for (const std::string& event : events_)
        write("events/" + event + "/enable", "1");
}

Tracing::~Tracing() {
    std::error_code ignored;
    for (const std::string& event : events_)
        std::ofstream(folder_ + "/events/" + event + "/enable") << "0";
    std::filesystem::remove(folder_, ignored); // only rmdir removes an instance
}

void Tracing::write(const std::string& file, const std::string& text) const {
    const Fd fd = open_file(folder_ + "/" + file, O_WRONLY);
    if (::write(fd.get(), text.data(), text.size()) < 0)
        throw_errno("unable to write " + file);
}

std::vector<std::string> Tracing::lines(const std::string& event) const {
    std::vector<std::string> result;
    std::ifstream in(folder_ + "/trace");
    for (std::string line; std::getline(in, line);)
        if (line.find(" " + event + ": ") != std::string::npos)
            result.push_back(line);
    return result;
}

Fd Tracing::pipe() const {
    return open_file(folder_ + "/trace_pipe", O_RDONLY | O_NONBLOCK);
}

void Tracing::stop() const {
    write("tracing_on", "0");
}

std::uint64_t Tracing::lost() const {
    std::uint64_t sum = 0;
    for (const auto& cpu : std::filesystem::directory_iterator(folder_ + "/per_cpu")) {
        std::ifstream in(cpu.path() / "stats");
        for (std::string line; std::getline(in, line);)
            for (const std::string key : {"overrun: ", "dropped events: "})
                if (line.compare(0, key.size(), key) == 0)
                    sum += std::stoull(line.substr(key.size()));
    }
    return sum;
}

bool Tracing::exists(const std::string& event) {
    return std::filesystem::exists(root + "/events/userblk/" + event + "/enable");
}

} // namespace userblk::test
