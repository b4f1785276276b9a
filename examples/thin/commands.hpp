// SPDX-License-Identifier: MIT
#pragma once

#include "map_file.hpp"

#include <string>
#include <vector>

namespace thin {

/// The files of a volume, for all commands.
struct Files {
    std::string store;
    std::string map; ///< empty: beside the store

    std::string map_path() const { return map.empty() ? store + ".map" : map; }
};

struct CreateOptions {
    std::string size;
    std::string block;             ///< empty: depends on the size
    std::string limit;             ///< of the store; empty: none
    bool force = false;            ///< may overwrite a block device
    std::uint64_t spare = 1 << 16; ///< capacity of the log in records
};

struct ServeOptions {
    std::string dev; ///< empty: create one
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

/// Each returns the exit status, or throws: std::invalid_argument for invalid usage,
/// any other std::exception for a failure.
int create(const Files& files, const CreateOptions& options);
int serve(const Files& files, const ServeOptions& options);
int info(const Files& files, const InfoOptions& options);
int check(const Files& files);

} // namespace thin
