// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace userblk::test {

bool module_loaded();
// modprobe userblk, or insmod of $USERBLK_MODULE if that is set; "" or what went wrong.
std::string load_module();
// rmmod; "" or what went wrong.
std::string unload_module();

// A parameter of the loaded module has another value while this lives.
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
