// SPDX-License-Identifier: MIT
#include "map_file.hpp"

#include "block_map.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>
#include <zlib.h>

namespace thin {

namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

std::uint64_t place_of(std::uint64_t index) noexcept {
    return MapFile::header_size + index * sizeof(Record);
}

std::uint32_t checksum(const Header& header) noexcept {
    return static_cast<std::uint32_t>(
        ::crc32(0, reinterpret_cast<const Bytef*>(&header), offsetof(Header, checksum)));
}

struct stat status_of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) < 0)
        fail("get the status of the block map");
    return status;
}

Header read_header(int fd, const std::string& path) {
    Header header;
    const Header model;
    if (::pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
        std::memcmp(header.magic, model.magic, sizeof(model.magic)) != 0)
        throw Damaged(path + " is not the block map of a thin volume");
    if (header.checksum != checksum(header))
        throw Damaged("the header of " + path + " is damaged");
    if (header.version != model.version)
        throw Damaged(path + " has format " + std::to_string(header.version) +
                      "; this program supports " + std::to_string(model.version));
    if (!header.is_sound())
        throw Damaged("the header of " + path + " has impossible values");
    if (static_cast<std::uint64_t>(status_of(fd).st_size) < place_of(header.checkpoint))
        throw Damaged(path + " ends before its checkpoint does"); // the checkpoint was synced
    return header;
}

// Reserves disk space, so that appending needs none.
void reserve(int fd, std::uint64_t size) {
    if (::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0)
        return;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        fail("reserve " + std::to_string(size) + " bytes for the block map");
    if (static_cast<std::uint64_t>(status_of(fd).st_size) < size &&
        ::ftruncate(fd, static_cast<off_t>(size)) < 0)
        fail("extend the block map");
}

} // namespace

bool Header::is_sound() const noexcept {
    const bool block_fits =
        std::has_single_bit(block_size) && block_size >= least_block && block_size <= most_block;
    if (!block_fits || size == 0 || size % block_size != 0 || blocks() > BlockMap::most_blocks)
        return false;
    // A checkpoint has at most a place and a free record per block, and one for prepared places.
    return (limit == 0 || limit >= block_size) && spare >= least_spare && spare <= most_spare &&
           checkpoint <= 2 * blocks() + 1 && capacity == room_behind(checkpoint);
}

MapFile::MapFile(const std::string& path, Mode mode)
    : fd_(open_file(path, mode == Mode::read_only ? O_RDONLY : O_RDWR)),
      header_(read_header(fd_.get(), path)) {
    // A power cut may have truncated it.
    if (mode == Mode::read_write && static_cast<std::uint64_t>(status_of(fd()).st_size) < end())
        reserve(fd(), end());
    map();
}

MapFile& MapFile::operator=(MapFile&& next) noexcept {
    std::swap(fd_, next.fd_);
    std::swap(header_, next.header_);
    std::swap(memory_, next.memory_);
    std::swap(mapped_, next.mapped_);
    return *this;
}

MapFile::~MapFile() {
    if (fd_ && memory_ != nullptr)
        ::munmap(const_cast<std::byte*>(memory_), mapped_);
}

std::uint64_t MapFile::end() const noexcept {
    return place_of(header_.capacity);
}

void MapFile::map() {
    mapped_ = std::min(end(), static_cast<std::uint64_t>(status_of(fd()).st_size));
    auto* const memory = ::mmap(nullptr, mapped_, PROT_READ, MAP_SHARED, fd(), 0);
    if (memory == MAP_FAILED)
        fail("map the block map into memory");
    memory_ = static_cast<const std::byte*>(memory);
}

const std::byte* MapFile::at(std::uint64_t index) const noexcept {
    return place_of(index + 1) <= mapped_ ? memory_ + place_of(index) : nullptr;
}

bool MapFile::may_have(std::uint64_t index) const noexcept {
    const auto* const record = at(index);
    if (record == nullptr)
        return false;
    const auto* const word = reinterpret_cast<const std::uint64_t*>(record);
    return __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0;
}

std::optional<Record> MapFile::read(std::uint64_t index) const noexcept {
    if (!may_have(index))
        return std::nullopt;
    Record record;
    std::memcpy(&record, at(index), sizeof(record)); // it may change concurrently
    if (record.kind == Record::Kind::none ||
        record.checksum != thin::checksum(record, header_.id, index))
        return std::nullopt;
    return record;
}

void MapFile::write(std::uint64_t index, Record record) {
    record.checksum = thin::checksum(record, header_.id, index);
    write_all(fd(), std::as_bytes(std::span(&record, 1)), place_of(index));
}

bool MapFile::is_clear_from(std::uint64_t index) const {
    const auto from = std::min(place_of(index), mapped_);
    return std::all_of(memory_ + from, memory_ + mapped_,
                       [](std::byte byte) { return byte == std::byte{0}; });
}

void MapFile::clear_from(std::uint64_t index) {
    if (is_clear_from(index))
        return;
    const std::vector<std::byte> zeros(end() - place_of(index));
    write_all(fd(), zeros, place_of(index));
    sync_data(fd()); // before a new record can close the gap
}

bool MapFile::is_at(const std::string& path) const {
    struct stat there {};
    if (::stat(path.c_str(), &there) < 0)
        fail("get the status of " + path);
    const auto here = status_of(fd());
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

void MapFile::continue_in(MapFile next) {
    if (::dup3(next.fd(), fd(), O_CLOEXEC) < 0)
        fail("switch to another file");
    std::swap(next.fd_, fd_);
    *this = std::move(next);
}

void MapFile::write_new(const std::string& path, Header header, std::span<const Record> records) {
    header.id = random_number();
    header.checkpoint = records.size();
    header.capacity = header.room_behind(records.size());
    header.checksum = checksum(header);
    const auto fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    reserve(fd.get(), place_of(header.capacity));
    write_all(fd.get(), std::as_bytes(std::span(&header, 1)), 0);
    std::vector<Record> content(records.begin(), records.end());
    for (std::uint64_t i = 0; i < content.size(); ++i)
        content[i].checksum = thin::checksum(content[i], header.id, i);
    write_all(fd.get(), std::as_bytes(std::span(content)), header_size);
    if (::fsync(fd.get()) < 0)
        fail("sync " + path);
}

} // namespace thin
