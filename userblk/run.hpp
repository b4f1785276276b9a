// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace userblk {

/// What the command line of a driver made with run() says to its backend.
struct RunArguments {
    std::uint64_t size = 0;             ///< of the device, in bytes
    bool size_given = false;            ///< by --size or DEV: it is not the default
    bool read_only = false;             ///< of the device
    std::vector<std::string> arguments; ///< what stands after "--"
};

/// Makes the backend, in the supervisor, before the workers are forked.
using MakeBackend = std::function<std::shared_ptr<Backend>(const RunArguments&)>;

/// A whole driver: main() in one line.
///
///     DRIVER [DEV] [--size 1G] [--workers 2] [--threads 1] [--name NAME]
///            [--read-only] [--wait poll|serve] [--keep] [-- ARGUMENT...]
///
/// --size makes the device smaller than the store where the backend describes one with a
/// size of its own, and is refused where it is larger. Without it the device has the
/// store's size, or 64M.
///
/// With DEV it serves that device, which stays when the driver ends. Without, it
/// makes one, prints the path of its block node, and removes it at the end, also
/// by SIGINT (Ctrl-C) and SIGTERM; unless it is in use then (mounted), or --keep
/// was given: then it stays, its requests wait, and a message says how to serve
/// or remove it.
///
/// The backend is made **once, before** the workers are forked. Each worker has a
/// copy of it; only what is in shared memory is common to them and survives them
/// (see Backend and SharedMemory).
///
/// @returns main()'s: 0 after an orderly end, 1 failure, 2 wrong usage. Errors are
///          told on standard error.
int run(int argc, char** argv, const MakeBackend& make);

/// The same for a backend made from RunArguments, from the device's size (a
/// std::uint64_t), or from nothing, whichever constructor there is.
template <class MyBackend>
int run(int argc, char** argv) {
    static_assert(std::is_base_of_v<Backend, MyBackend>);
    return run(argc, argv, [](const RunArguments& arguments) -> std::shared_ptr<Backend> {
        if constexpr (std::is_constructible_v<MyBackend, const RunArguments&>)
            return std::make_shared<MyBackend>(arguments);
        else if constexpr (std::is_constructible_v<MyBackend, std::uint64_t>)
            return std::make_shared<MyBackend>(arguments.size);
        else
            return std::make_shared<MyBackend>();
    });
}

} // namespace userblk
