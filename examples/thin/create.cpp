// SPDX-License-Identifier: MIT
#include "block_map.hpp"
#include "commands.hpp"
#include "shared_map.hpp"
#include "store.hpp"

#include "userblk/units.hpp"

#include <bit>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <stdexcept>

namespace thin {

namespace {

using userblk::format_size;
using userblk::parse_size;

constexpr std::uint64_t usual_block = 64 << 10;
constexpr std::uint64_t usual_blocks = 1 << 22; // 16 MiB of memory in each worker

[[noreturn]] void wrong(const std::string& what) {
    throw std::invalid_argument(what);
}

std::uint64_t block_for(std::uint64_t size) {
    auto block = usual_block;
    while (block < Header::most_block && size / block > usual_blocks)
        block *= 2;
    return block;
}

Header header_for(const CreateOptions& options) {
    Header header;
    header.size = parse_size(options.size);
    header.spare = options.spare;
    const auto block = options.block.empty() ? block_for(header.size) : parse_size(options.block);
    if (!std::has_single_bit(block) || block < Header::least_block || block > Header::most_block)
        wrong("invalid block size " + format_size(block) + "; expected a power of two from " +
              format_size(Header::least_block) + " to " + format_size(Header::most_block));
    header.block_size = static_cast<std::uint32_t>(block);
    if (header.size == 0)
        wrong("--size: a volume cannot have size 0; the minimum is one block, " +
              format_size(block));
    if (header.size % block != 0)
        wrong("the size " + std::to_string(header.size) + " is not a multiple of the block size " +
              std::to_string(block) + "; the next one is " +
              std::to_string((header.size / block + 1) * block));
    if (header.blocks() > BlockMap::most_blocks)
        wrong(options.size + " in blocks of " + format_size(block) + " are more than " +
              std::to_string(BlockMap::most_blocks) + " blocks; choose larger ones with --block");
    header.limit = options.limit.empty() ? 0 : parse_size(options.limit);
    if (!options.limit.empty() && header.limit < block)
        wrong("a limit of " + options.limit + " leaves no room for a block of " +
              format_size(block));
    return header;
}

// True if it was created.
bool take_store(const Files& files, bool force) {
    namespace fs = std::filesystem;
    if (!fs::exists(files.store)) {
        open_file(files.store, O_RDWR | O_CREAT | O_EXCL, 0600);
        return true;
    }
    const Store store(files.store, false);
    if (!store.is_block_device()) {
        if (store.size() != 0)
            wrong(files.store + " exists and is not empty; remove it or choose another name");
        return false;
    }
    if (files.map.empty())
        wrong(files.store + " is a block device: name a file for its block map with --map, on a "
                            "file system that stays");
    open_file(files.store, O_RDWR | O_EXCL); // fails if it is mounted or otherwise in use
    if (!force)
        wrong("this would destroy the content of " + files.store + "; use --force to do so");
    return false;
}

} // namespace

int create(const Files& files, const CreateOptions& options) {
    const auto header = header_for(options);
    const auto map = files.map_path();
    if (std::filesystem::exists(map))
        wrong(map + " exists; is " + files.store + " a thin volume already?");
    const bool made = take_store(files, options.force);
    try {
        SharedMap::create(map, header);
        sync_folder(files.store);
    } catch (...) {
        if (made)
            std::filesystem::remove(files.store);
        throw;
    }
    std::cout << files.store << ": " << format_size(header.size) << " in blocks of "
              << format_size(header.block_size) << ", nothing allocated; its block map is " << map
              << std::endl;
    return 0;
}

} // namespace thin
