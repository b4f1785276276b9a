// SPDX-License-Identifier: MIT
#pragma once

#include "map_file.hpp"

#include <string>
#include <vector>

namespace thin {

/// What all commands are about.
struct Files {
    std::string store;
    std::string map; ///< empty: beside the store

    std::string map_path() const { return map.empty() ? store + ".map" : map; }
};

struct CreateOptions {
    std::string size;
    std::string block;             ///< empty: what suits the size
    std::string limit;             ///< of the store; empty: none
    bool force = false;            ///< a block device's content may be lost
    std::uint64_t spare = 1 << 16; ///< records that the log has room for
};

struct ServeOptions {
    std::string dev; ///< empty: make one
    std::string name;
    unsigned workers = 2;
    unsigned threads = 1;
    std::string wait = "serve";
    bool keep = false;
    bool verbose = false;
};

struct InfoOptions {
    bool json = false;
    bool extents = false;
};

/// Each returns main()'s status, or throws: std::invalid_argument for wrong usage,
/// any other std::exception for a failure.
int create(const Files& files, const CreateOptions& options);
int serve(const Files& files, const ServeOptions& options);
int info(const Files& files, const InfoOptions& options);
int check(const Files& files);

} // namespace thin
