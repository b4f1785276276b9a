// SPDX-License-Identifier: MIT
//
// The read-only commands; they also work while the volume is served.
#include "commands.hpp"
#include "shared_map.hpp"
#include "store.hpp"

#include "userblk/units.hpp"

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <iomanip>
#include <iostream>
#include <vector>

namespace thin {

namespace {

using userblk::format_count;
using userblk::format_size;

struct Run {
    std::uint64_t offset, place, length; // bytes
};

std::vector<Run> runs_of(const SharedMap& volume) {
    const std::uint64_t size = volume.header().block_size;
    std::vector<Run> runs;
    for (std::uint64_t block = 0; block < volume.map().blocks(); ++block) {
        const auto place = volume.map().place(block);
        if (!place)
            continue;
        if (!runs.empty() && runs.back().offset + runs.back().length == block * size &&
            runs.back().place + runs.back().length == *place * size)
            runs.back().length += size;
        else
            runs.push_back({block * size, *place * size, size});
    }
    return runs;
}

void print_as_json(const Files& files, const SharedMap& volume, const Store& store, bool extents) {
    const auto& header = volume.header();
    Poco::JSON::Object json(Poco::JSON_PRESERVE_KEY_ORDER);
    const auto number = [&json](const char* key, std::uint64_t value) {
        json.set(key, Poco::UInt64(value));
    };
    json.set("store", files.store);
    json.set("map", files.map_path());
    number("size", header.size);
    number("block_size", header.block_size);
    number("blocks", header.blocks());
    number("allocated_blocks", volume.map().mapped());
    number("allocated", volume.map().mapped() * header.block_size);
    number("freed_blocks", volume.map().freed());
    number("store_size", store.size());
    if (header.limit > 0)
        number("store_limit", header.limit);
    if (!store.is_block_device())
        number("store_allocated", store.allocated());
    number("records", volume.records());
    number("records_limit", header.capacity);
    if (extents) {
        Poco::JSON::Array list;
        for (const auto& run : runs_of(volume)) {
            Poco::JSON::Object entry(Poco::JSON_PRESERVE_KEY_ORDER);
            entry.set("offset", Poco::UInt64(run.offset));
            entry.set("length", Poco::UInt64(run.length));
            entry.set("store_offset", Poco::UInt64(run.place));
            list.add(entry);
        }
        json.set("extents", list);
    }
    json.stringify(std::cout, 2);
    std::cout << std::endl;
}

void print_line(const std::string& heading, const std::string& value) {
    std::cout << std::left << std::setw(14) << heading + ":" << value << '\n';
}

void print(const Files& files, const SharedMap& volume, const Store& store, bool extents) {
    const auto& header = volume.header();
    const auto mapped = volume.map().mapped();
    std::cout << files.store << '\n';
    print_line("Size", format_size(header.size) + ", " + format_count(header.blocks(), "block") +
                           " of " + format_size(header.block_size));
    print_line("Allocated", format_size(mapped * header.block_size) + ", " +
                                format_count(mapped, "block") + ", " +
                                std::to_string(mapped * 100 / header.blocks()) + "%");
    print_line("Freed", format_count(volume.map().freed(), "block") + ", which keep their place");
    print_line("Store",
               format_size(store.size()) +
                   (store.is_block_device()
                        ? std::string()
                        : ", of which " + format_size(store.allocated()) + " on its disk") +
                   (header.limit > 0 ? ", limited to " + format_size(header.limit) : ""));
    print_line("Log", files.map_path() + ", " + format_count(volume.records(), "record") +
                          ", room for " + std::to_string(header.capacity));
    if (!extents)
        return;
    std::cout << "\n      OFFSET       LENGTH AT IN STORE\n" << std::right;
    for (const auto& run : runs_of(volume))
        std::cout << std::setw(12) << run.offset << ' ' << std::setw(12) << run.length << ' '
                  << std::setw(11) << run.place << '\n';
}

} // namespace

int info(const Files& files, const InfoOptions& options) {
    const SharedMap volume(files.map_path(), MapFile::Mode::read_only);
    const Store store(files.store, true);
    (options.json ? print_as_json : print)(files, volume, store, options.extents);
    return 0;
}

// Reading all records has already checked their consistency.
int check(const Files& files) {
    const SharedMap volume(files.map_path(), MapFile::Mode::read_only);
    const Store store(files.store, true);
    const auto needed = volume.map().used() * volume.header().block_size;
    if (store.size() < needed)
        std::cout << files.store << " is shorter than the " << needed
                  << " allocated bytes: flushed data cannot be missing, the rest reads as "
                     "zeros\n";
    if (store.is_block_device() && store.size() < needed)
        return 1;
    if (volume.has_torn_tail())
        std::cout << files.map_path() << ": behind record " << volume.records()
                  << " lies an incomplete record: its writer was killed, or the power was cut. "
                     "Serving the volume removes it\n";
    std::cout << files.store << ": no errors; " << format_count(volume.map().mapped(), "block")
              << " allocated, " << format_count(volume.map().freed(), "block") << " freed, "
              << format_count(volume.records(), "record") << '\n';
    return 0;
}

} // namespace thin
