// SPDX-License-Identifier: MIT
// A block map of "thin" from arbitrary bytes: it is refused as damaged, or it is a map in which no
// two blocks share a place, which is the same when opened again, and which can be appended to.
//
// Input: a byte that says which checksums to correct (to reach the code behind the check), the
// header, and directly after it, without the zeros in between, the records.
#include "fuzz.hpp"

#include "examples/thin/shared_map.hpp"
#include "tests/unit/userblk/temporary.hpp"

#include <cstring>
#include <iterator>
#include <set>
#include <zlib.h>

using namespace thin;
using userblk::fuzz::require;

namespace {

constexpr std::uint64_t most_blocks = 1 << 12, most_spare = 1 << 10;
constexpr std::size_t most_records = 200;
enum Repair : unsigned { repair_header = 1, repair_records = 2, fill_up = 4 };

const std::string& path() {
    static const userblk::test::TemporaryFolder folder;
    static const std::string name = folder.path() / "map";
    return name;
}

template <class T>
T take(const std::uint8_t*& data, std::size_t& size) {
    T value;
    const auto length = std::min(size, sizeof(value));
    std::memcpy(static_cast<void*>(&value), data, length);
    data += length;
    size -= length;
    return value;
}

void repair(Header& header) {
    const Header model;
    std::memcpy(header.magic, model.magic, sizeof(model.magic));
    header.version = model.version;
    header.checksum = static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(&header), offsetof(Header, checksum)));
}

// A valid but large map costs more time and memory than it is worth here.
bool is_too_large(const Header& header) {
    const bool too_many = header.block_size != 0 && header.blocks() > most_blocks &&
                          header.blocks() <= BlockMap::most_blocks;
    return too_many || (header.spare > most_spare && header.spare <= Header::most_spare);
}

// Returns false if the input is not worth trying.
bool write_file(const std::uint8_t* data, std::size_t size) {
    const unsigned wanted = size > 0 ? take<std::uint8_t>(data, size) : 0U;
    auto header = take<Header>(data, size);
    if (wanted & repair_header)
        repair(header);
    if (is_too_large(header) || size > most_records * sizeof(Record))
        return false;
    std::string bytes(MapFile::header_size, '\0');
    std::memcpy(bytes.data(), &header, sizeof(header));
    for (std::uint64_t index = 0; size > 0; ++index) {
        const auto length = std::min(size, sizeof(Record));
        auto record = take<Record>(data, size);
        if ((wanted & repair_records) && length == sizeof(record))
            record.checksum = checksum(record, header.id, index);
        bytes.append(reinterpret_cast<const char*>(&record), length);
    }
    const auto whole = MapFile::header_size + header.capacity * sizeof(Record);
    if ((wanted & fill_up) && header.capacity < 4 * most_spare && bytes.size() < whole)
        bytes.resize(whole);
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
    return true;
}

// For each block: its place + 1, minus that if it was freed, 0 if it has none.
using Content = std::vector<std::int64_t>;

Content content_of(const BlockMap& map) {
    Content content;
    std::set<std::uint64_t> taken;
    std::uint64_t mapped = 0, freed = 0;
    for (std::uint64_t block = 0; block < map.blocks(); ++block) {
        const auto place = map.place(block), home = map.home(block);
        require(!place || !home, "a block is mapped or freed, not both");
        content.push_back(place  ? static_cast<std::int64_t>(*place + 1)
                          : home ? -static_cast<std::int64_t>(*home + 1)
                                 : 0);
        mapped += place.has_value();
        freed += home.has_value();
        if (!place && !home)
            continue;
        const auto lies = place ? *place : *home;
        require(lies < map.used() && lies < map.blocks(), "a place is one of those given out");
        require(taken.insert(lies).second, "a place has one block");
    }
    require(mapped == map.mapped() && freed == map.freed(), "blocks are counted");
    require(map.used() <= map.blocks() && map.prepared() <= map.blocks(), "no more than blocks");
    return content;
}

// The map itself must be consistent, and so must the one that a checkpoint would write.
Content checked(const SharedMap& map) {
    auto content = content_of(map.map());
    BlockMap copy(map.map().blocks());
    for (const auto& record : map.map().records())
        copy.apply(record);
    require(content_of(copy) == content, "a checkpoint says all");
    return content;
}

// Gives the first block without a place the next one; false if every block has one.
bool append_to(SharedMap& map, Content& content) {
    SharedMap::Lock lock(map);
    const auto hole = std::find(content.begin(), content.end(), 0);
    const auto place = map.map().used();
    if (hole == content.end() || place == map.map().blocks())
        return false;
    const auto block = static_cast<std::uint64_t>(hole - content.begin());
    lock.append({.kind = Record::Kind::place, .block = block, .place = place, .count = 1});
    *hole = static_cast<std::int64_t>(place + 1);
    return true;
}

void check() {
    auto content = checked(SharedMap(path(), MapFile::Mode::read_only)); // throws if it is damaged
    try {
        SharedMap map(path(), MapFile::Mode::read_write);
        require(checked(map) == content, "who writes sees what who reads does");
        require(!map.has_torn_tail(), "nothing is left behind the last record");
        append_to(map, content);
        map.refresh();
        require(checked(map) == content, "what was appended is there");
    } catch (const Damaged&) {
        require(false, "what can be read can be written to");
    }
    require(checked(SharedMap(path(), MapFile::Mode::read_only)) == content, "it stays");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (!write_file(data, size))
        return -1;
    try {
        check();
    } catch (const Damaged&) {
    }
    return 0;
}
