// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace userblk::test {

bool module_loaded();
// modprobe userblk, or insmod of $USERBLK_MODULE if that is set; "" or what went wrong.
std::string load_module();
// rmmod; "" or what went wrong.
std::string unload_module();

} // namespace userblk::test
