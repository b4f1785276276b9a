// SPDX-License-Identifier: MIT
#include "userblk/nbd/nbd_library.hpp"

#include <dlfcn.h>
#include <stdexcept>
#include <string>

namespace userblk {

namespace {

constexpr const char* file = "libnbd.so.0";

NbdLibrary load() {
    // Never closed: its threads and exit handlers may outlive any object.
    void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* const why = ::dlerror();
        throw std::runtime_error("nbd: needs libnbd, which cannot be loaded; install Debian's "
                                 "package libnbd0, or libnbd: " +
                                 std::string(why != nullptr ? why : file));
    }
    NbdLibrary functions;
    const auto find = [library](const char* name) {
        void* const function = ::dlsym(library, name);
        if (function == nullptr)
            throw std::runtime_error("nbd: needs a newer libnbd: " + std::string(file) +
                                     " has no " + name);
        return function;
    };
#define USERBLK_NBD_FIND(name)                                                                     \
    functions.name = reinterpret_cast<decltype(functions.name)>(find("nbd_" #name));
    USERBLK_NBD_FUNCTIONS(USERBLK_NBD_FIND)
#undef USERBLK_NBD_FIND
    return functions;
}

} // namespace

const NbdLibrary& NbdLibrary::get() {
    static const NbdLibrary functions = load();
    return functions;
}

} // namespace userblk
