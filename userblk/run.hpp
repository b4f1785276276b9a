// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/async_backend.hpp"
#include "userblk/backend.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace userblk {

/// The command line of a driver built with run(), for its backend.
struct RunArguments {
    std::uint64_t size = 0;             ///< of the device, in bytes
    bool size_given = false;            ///< by --size or DEV; false: the default
    bool read_only = false;             ///< of the device
    std::vector<std::string> arguments; ///< the arguments after "--"
};

/// Creates the backend, in the supervisor, before it forks the workers.
using MakeBackend = std::function<std::shared_ptr<Backend>(const RunArguments&)>;

/// Creates the backend of a serving thread, in each worker; and once in the supervisor, to look at
/// its description.
using MakeAsyncBackend =
    std::function<std::unique_ptr<AsyncBackend>(const RunArguments&, EventLoop&)>;

/// A whole driver: main() in one line.
///
///     DRIVER [DEV] [--size 1G] [--workers 2] [--threads 1] [--name NAME]
///            [--read-only] [--wait poll|serve] [--keep] [-- ARGUMENT...]
///
/// --size sets the size of the device. If the backend describes a size of its own, --size
/// may be smaller and fails if larger. The default is the store's size, or 64M.
///
/// With DEV, it serves that device, which stays when the driver exits. Without, it
/// creates one, prints the path of its block node, and removes it on exit, also after
/// SIGINT (Ctrl-C) and SIGTERM. If the device is in use then (mounted), or --keep was
/// given, the device stays, its requests block, and a message says how to serve or
/// remove it.
///
/// A DEV that other processes serve already is refused: by their locks if the backend
/// names its store (Backend::store_files()) and theirs is another one, and always if it
/// names none, unless --share was given. The same locks keep other stores away as long as
/// the driver serves a store without a name.
///
/// A Backend is created **once, before** the workers are forked. Each worker has a
/// copy; only shared memory is common to them and outlives them (see Backend and
/// SharedMemory). An AsyncBackend is created after that, for each thread of each worker.
///
/// Workers are named after the program and the device's number, such as hello_ram-w3 (see
/// PoolOptions::program).
///
/// @returns the exit status: 0 after an orderly stop, 1 failure, 2 invalid usage.
///          Prints errors to standard error.
int run(int argc, char** argv, const MakeBackend& make);
int run(int argc, char** argv, const MakeAsyncBackend& make);

namespace detail {

template <class MyBackend, class... Loop>
std::unique_ptr<MyBackend> make_backend(const RunArguments& arguments, Loop&... loop) {
    if constexpr (std::is_constructible_v<MyBackend, const RunArguments&, Loop&...>)
        return std::make_unique<MyBackend>(arguments, loop...);
    else if constexpr (std::is_constructible_v<MyBackend, std::uint64_t, Loop&...>)
        return std::make_unique<MyBackend>(arguments.size, loop...);
    else
        return std::make_unique<MyBackend>(loop...);
}

} // namespace detail

/// The same for a backend constructible from RunArguments, from the device's size (a
/// std::uint64_t), or from nothing; the first that exists. An AsyncBackend gets an EventLoop&
/// in addition, as the last one.
template <class MyBackend>
int run(int argc, char** argv) {
    if constexpr (std::is_base_of_v<AsyncBackend, MyBackend>) {
        return run(argc, argv, MakeAsyncBackend(&detail::make_backend<MyBackend, EventLoop>));
    } else {
        static_assert(std::is_base_of_v<Backend, MyBackend>);
        return run(argc, argv, MakeBackend(&detail::make_backend<MyBackend>));
    }
}

} // namespace userblk
