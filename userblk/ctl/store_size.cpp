// SPDX-License-Identifier: MIT
#include "userblk/ctl/store_size.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/units.hpp"

#include <stdexcept>
#include <string>
#include <sys/stat.h>

namespace userblk::ctl {

std::uint64_t bytes_of_store(const BackendSpec& store) {
    if (!store.has_size())
        throw std::invalid_argument(store.text() +
                                    " has no size of its own; expected a size, such as 2G, or "
                                    "file:PATH");
    const auto described = store.describe(0, true).size;
    struct stat file {};
    if (::stat(store.argument().c_str(), &file) == 0 && S_ISREG(file.st_mode))
        return static_cast<std::uint64_t>(file.st_size);
    return described;
}

std::uint64_t size_in_blocks(const BackendSpec& store, std::uint64_t bytes,
                             std::uint32_t block_size) {
    if (bytes < block_size)
        throw std::invalid_argument(store.argument() + " has " + format_count(bytes, "byte") +
                                    ", less than one block of " + std::to_string(block_size));
    return bytes - bytes % block_size;
}

void warn_of_partial_block(const BackendSpec& store, std::uint64_t bytes,
                           std::uint32_t block_size) {
    const auto rest = bytes % block_size;
    if (rest == 0)
        return;
    const auto last = rest == 1 ? "the last byte is" : "the last " + std::to_string(rest) + " are";
    cli::complain(program_name,
                  "warning: " + store.argument() + " has " + format_count(bytes, "byte") +
                      ", which is not a multiple of the block size, " + std::to_string(block_size) +
                      "; " + last + " not part of the device");
}

} // namespace userblk::ctl
