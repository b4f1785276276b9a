// SPDX-License-Identifier: MIT
#include "kernel_module.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "eventually.hpp"
#include "process.hpp"

namespace userblk::test {

namespace {

std::string complaint(const CommandResult& result) {
    if (!result.status)
        return {};
    return result.output.empty() ? "status " + std::to_string(result.status) : result.output;
}

} // namespace

bool module_loaded() {
    return std::filesystem::exists("/sys/module/userblk/initstate");
}

std::string load_module() {
    const char* path = std::getenv("USERBLK_MODULE");
    const std::string problem =
        complaint(path ? run_command({"insmod", path}) : run_command({"modprobe", "userblk"}));
    if (!problem.empty())
        return problem;
    const bool there = eventually([] { return std::filesystem::exists("/dev/userblk-control"); });
    return there ? "" : "no /dev/userblk-control";
}

std::string unload_module() {
    return complaint(run_command({"rmmod", "userblk"}));
}

ModuleParameter::ModuleParameter(const std::string& name, const std::string& value)
    : path_("/sys/module/userblk/parameters/" + name) {
    std::ifstream(path_) >> before_;
    std::ofstream out(path_);
    if (before_.empty() || !(out << value << std::flush))
        throw std::runtime_error("unable to set " + path_);
}

ModuleParameter::~ModuleParameter() {
    std::ofstream(path_) << before_;
}

} // namespace userblk::test
