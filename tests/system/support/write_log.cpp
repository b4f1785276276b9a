// SPDX-License-Identifier: MIT
#include "tests/system/support/write_log.hpp"

#include <algorithm>
#include <endian.h>
#include <stdexcept>
#include <unistd.h>

namespace userblk::test {

namespace {

constexpr std::uint64_t magic = 0x6a736677736872;
constexpr std::uint64_t version = 1;

// Set at the end of the logging, behind what was never flushed.
constexpr const char* end_mark = "dm-log-writes-end";

enum Flag : std::uint64_t { flush = 1, fua = 2, discard = 4, mark = 8 };

// Both take up a whole sector, of which the rest is zero except for a mark's text. All fields are
// little endian.
struct Super {
    std::uint64_t magic, version, entries;
    std::uint32_t sector_size;
};

struct Header {
    std::uint64_t sector, sectors, flags, text_length;
};

} // namespace

bool WriteLog::Entry::is_flush() const {
    return flags & flush;
}

bool WriteLog::Entry::is_durable() const {
    return flags & fua;
}

bool WriteLog::Entry::is_discard() const {
    return flags & discard;
}

bool WriteLog::Entry::is_mark() const {
    return flags & Flag::mark;
}

WriteLog::WriteLog(const std::string& path) : fd_(open_file(path, O_RDONLY)) {
    Super super{};
    read(&super, sizeof(super), 0);
    if (le64toh(super.magic) != magic || le64toh(super.version) != version)
        throw std::runtime_error(path + " is not a log of writes");
    const std::uint64_t sector = le32toh(super.sector_size);
    std::uint64_t at = sector;
    for (std::uint64_t i = 0; i < le64toh(super.entries); i++) {
        Header header{};
        read(&header, sizeof(header), at);
        Entry entry{le64toh(header.sector) * sector,
                    le64toh(header.sectors) * sector,
                    le64toh(header.flags),
                    at + sector,
                    {}};
        if (entry.is_mark()) {
            const auto length = le64toh(header.text_length);
            entry.mark.resize(std::min(length, sector - sizeof(header)));
            read(entry.mark.data(), entry.mark.size(), at + sizeof(header));
        }
        if (entry.mark == end_mark)
            return;
        at = entry.data + (entry.is_discard() ? 0 : entry.length);
        entries_.push_back(std::move(entry));
    }
}

void WriteLog::read(void* to, std::size_t length, std::uint64_t offset) const {
    if (pread(fd_.get(), to, length, static_cast<off_t>(offset)) != static_cast<ssize_t>(length))
        throw std::runtime_error("the log of writes ends early");
}

void WriteLog::apply(const Entry& entry, int image) const {
    if (!entry.is_change())
        return;
    if (entry.is_discard()) {
        if (fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      static_cast<off_t>(entry.offset), static_cast<off_t>(entry.length)))
            throw_errno("unable to make a hole");
        return;
    }
    std::vector<char> data(entry.length);
    read(data.data(), data.size(), entry.data);
    if (pwrite(image, data.data(), data.size(), static_cast<off_t>(entry.offset)) !=
        static_cast<ssize_t>(data.size()))
        throw_errno("unable to write to the image");
}

} // namespace userblk::test
