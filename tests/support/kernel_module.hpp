// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace userblk::test {

bool module_loaded();
// Runs modprobe userblk, or insmod $USERBLK_MODULE if that is set; empty, or what went wrong.
std::string load_module();
// Runs rmmod; empty, or what went wrong.
std::string unload_module();

// Sets a parameter of the loaded module for the lifetime of the object.
class ModuleParameter {
public:
    ModuleParameter(const std::string& name, const std::string& value);
    ModuleParameter(const ModuleParameter&) = delete;
    ModuleParameter& operator=(const ModuleParameter&) = delete;
    ~ModuleParameter();

private:
    std::string path_;
    std::string before_;
};

} // namespace userblk::test
