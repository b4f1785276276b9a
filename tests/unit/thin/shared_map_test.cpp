// SPDX-License-Identifier: MIT
#include "examples/thin/shared_map.hpp"

#include "tests/unit/userblk/temporary.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace thin {
namespace {

constexpr std::uint64_t least_spare = 100;

class SharedMapTest : public testing::Test {
protected:
    void SetUp() override { SharedMap::create(path, header); }

    // Gives block n place n.
    static void append(SharedMap& map, std::uint64_t block) {
        SharedMap::Lock lock(map);
        lock.append({.kind = Record::Kind::place, .block = block, .place = block, .count = 1});
    }
    static void expect_blocks(const SharedMap& map, std::uint64_t count) {
        EXPECT_EQ(map.map().mapped(), count);
        for (std::uint64_t block = 0; block < count; ++block)
            EXPECT_EQ(map.map().place(block), block);
    }
    std::string content() const {
        std::ifstream in(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), {});
    }
    std::string write(const std::string& name, const std::string& bytes) const {
        const auto where = folder.path() / name;
        std::ofstream(where, std::ios::binary) << bytes;
        return where;
    }
    static std::size_t place_of(std::uint64_t record) {
        return MapFile::header_size + record * sizeof(Record);
    }

    userblk::test::TemporaryFolder folder;
    std::string path = folder.path() / "volume.map";
    Header header{.block_size = 4096, .size = 1000 * 4096, .spare = least_spare};
};

// Processes see each other's records without exchanging messages; so do those that open the file
// later.
TEST_F(SharedMapTest, EverybodySeesEveryRecord) {
    SharedMap one(path, MapFile::Mode::read_write), other(path, MapFile::Mode::read_write);
    append(one, 0);
    other.refresh();
    expect_blocks(other, 1);
    append(other, 1);
    append(one, 2); // has read the other's before
    expect_blocks(one, 3);
    other.refresh();
    expect_blocks(other, 3);
    expect_blocks(SharedMap(path, MapFile::Mode::read_only), 3);
}

// The file ends at any byte of its last three records, as after a power cut: exactly the complete
// records before the cut are there, and the log can be continued.
TEST_F(SharedMapTest, ACutAtAnyByteLeavesTheWholeRecords) {
    {
        SharedMap map(path, MapFile::Mode::read_write);
        for (std::uint64_t block = 0; block < 6; ++block)
            append(map, block);
    }
    const auto whole = content();
    for (auto cut = place_of(3); cut <= place_of(6); ++cut) {
        const auto copy = write("cut.map", whole.substr(0, cut));
        auto left = (cut - MapFile::header_size) / sizeof(Record);
        expect_blocks(SharedMap(copy, MapFile::Mode::read_only), left);
        SharedMap map(copy, MapFile::Mode::read_write);
        // A writer restores zeros that were cut off a record's end.
        if (whole.find_first_not_of('\0', cut) >= place_of(left + 1) && left < 6)
            ++left;
        expect_blocks(map, left);
        append(map, left);
        expect_blocks(SharedMap(copy, MapFile::Mode::read_only), left + 1);
    }
}

// The same where the file keeps its length and ends in zeros: an append that was cut short.
TEST_F(SharedMapTest, ATornRecordIsOverwritten) {
    {
        SharedMap map(path, MapFile::Mode::read_write);
        for (std::uint64_t block = 0; block < 4; ++block)
            append(map, block);
    }
    const auto whole = content();
    SharedMap living(path, MapFile::Mode::read_write);
    for (std::size_t bytes = 1; bytes < sizeof(Record); ++bytes) {
        auto torn = whole;
        // The next record's first bytes, not all zeros.
        for (std::size_t i = 0; i < bytes; ++i)
            torn[place_of(4) + i] = static_cast<char>(0x40 + i);
        const auto copy = write("torn.map", torn);
        const SharedMap reader(copy, MapFile::Mode::read_only);
        expect_blocks(reader, 4);
        EXPECT_TRUE(reader.has_torn_tail());
        SharedMap map(copy, MapFile::Mode::read_write);
        EXPECT_FALSE(map.has_torn_tail());
        append(map, 4);
        expect_blocks(SharedMap(copy, MapFile::Mode::read_only), 5);
    }
    // While others have it open: the next process under the lock overwrites it.
    const auto fd = open_file(path, O_RDWR);
    ASSERT_EQ(::pwrite(fd.get(), "torn", 4, static_cast<off_t>(place_of(4))), 4);
    living.refresh();
    expect_blocks(living, 4);
    append(living, 4);
    expect_blocks(SharedMap(path, MapFile::Mode::read_only), 5);
}

// Any byte of the last record is wrong: the record is void, those before it are intact.
TEST_F(SharedMapTest, ADamagedByteTakesItsRecordAway) {
    {
        SharedMap map(path, MapFile::Mode::read_write);
        for (std::uint64_t block = 0; block < 5; ++block)
            append(map, block);
    }
    const auto whole = content();
    for (auto at = place_of(4); at < place_of(5); ++at) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        expect_blocks(SharedMap(write("bad.map", damaged), MapFile::Mode::read_write), 4);
    }
}

// A power cut: a later page of the log reached the disk, an earlier one did not. The records behind
// the gap are lost for good: filling the gap with the same record does not revive them.
TEST_F(SharedMapTest, WhatIsBehindAGapNeverComesBack) {
    {
        SharedMap map(path, MapFile::Mode::read_write);
        for (std::uint64_t block = 0; block < 6; ++block)
            append(map, block);
    }
    auto gap = content();
    gap.replace(place_of(3), sizeof(Record), sizeof(Record), '\0');
    const auto copy = write("gap.map", gap);
    SharedMap map(copy, MapFile::Mode::read_write);
    expect_blocks(map, 3);
    append(map, 3);
    map.refresh();
    expect_blocks(map, 4);
    expect_blocks(SharedMap(copy, MapFile::Mode::read_only), 4);
}

// A damaged header or checkpoint is no torn tail: the error names it.
TEST_F(SharedMapTest, DamageElsewhereIsReported) {
    const auto complaint = [](const std::string& name) -> std::string {
        try {
            SharedMap map(name, MapFile::Mode::read_write);
        } catch (const Damaged& damage) {
            return damage.what();
        }
        return {};
    };
    {
        SharedMap map(path, MapFile::Mode::read_write);
        for (std::uint64_t block = 0; block < 300; block += 2) // needs a checkpoint along the way
            append(map, block);
    }
    const auto whole = content();
    auto bad = whole;
    bad[20] = 1;
    EXPECT_NE(complaint(write("bad.map", bad)).find("header of"), std::string::npos);
    bad = whole;
    bad[0] = 'x';
    EXPECT_NE(complaint(write("bad.map", bad)).find("is not the block map"), std::string::npos);
    bad = whole;
    bad[place_of(0) + 9] ^= 1;
    EXPECT_NE(complaint(write("bad.map", bad)).find("checkpoint is damaged"), std::string::npos);
    EXPECT_NE(complaint(write("short.map", "few")).find("is not the block map"), std::string::npos);
    EXPECT_THROW(SharedMap::create(path, header), std::system_error) << "it exists";
}

// A header with a valid checksum and impossible values: a foreign file, or a malicious one. It is
// refused; nothing divides by, reserves or loops over its values.
TEST_F(SharedMapTest, AnImpossibleHeaderIsRefused) {
    const auto is_refused = [&](Header bad) {
        const std::string where = folder.path() / "bad.map";
        MapFile::write_new(where, bad, {});
        for (const auto mode : {MapFile::Mode::read_only, MapFile::Mode::read_write})
            EXPECT_THROW(SharedMap(where, mode), Damaged);
    };
    for (const std::uint32_t block_size : {0U, 1U, 2048U, 4097U, 1U << 30})
        is_refused({.block_size = block_size, .size = header.size, .spare = least_spare});
    for (const std::uint64_t size : {std::uint64_t(0), std::uint64_t(4097), std::uint64_t(1) << 62})
        is_refused({.block_size = 4096, .size = size, .spare = least_spare});
    for (const std::uint64_t spare : {0U, 1U, 80U, (1U << 24) + 1})
        is_refused({.block_size = 4096, .size = header.size, .spare = spare});
    is_refused({.block_size = 4096, .size = header.size, .limit = 1, .spare = least_spare});
}

// The checkpoint was complete before the file got its name: a file that ends within it is damaged,
// and is not extended first.
TEST_F(SharedMapTest, AFileThatEndsWithinItsCheckpointIsRefused) {
    const std::string where = folder.path() / "cut.map";
    const std::vector<Record> records = {{.kind = Record::Kind::place, .count = 3},
                                         {.kind = Record::Kind::free, .block = 1, .count = 1}};
    MapFile::write_new(where, header, records);
    EXPECT_EQ(SharedMap(where, MapFile::Mode::read_only).map().mapped(), 2U);
    std::filesystem::resize_file(where, place_of(2) - 1);
    EXPECT_THROW(SharedMap(where, MapFile::Mode::read_write), Damaged);
    EXPECT_EQ(std::filesystem::file_size(where), place_of(2) - 1);
}

// More records than the log has room for: it is rewritten while others use it, and they follow. The
// descriptor that answers may name keeps its number.
TEST_F(SharedMapTest, AFullLogIsRewrittenWhileOthersUseIt) {
    SharedMap one(path, MapFile::Mode::read_write), other(path, MapFile::Mode::read_write);
    SharedMap third(path, MapFile::Mode::read_write); // reads only at the end
    const int fd = other.fd();
    const auto first_id = one.header().id;
    for (std::uint64_t block = 0; block < 900; ++block) {
        append(block % 3 == 0 ? other : one, block);
        if (block % 7 == 0) {
            other.refresh();
            expect_blocks(other, block + 1);
        }
    }
    third.refresh();
    expect_blocks(third, 900);
    EXPECT_NE(third.header().id, first_id);
    EXPECT_EQ(other.fd(), fd);
    one.refresh();
    other.refresh();
    EXPECT_EQ(other.header().id, one.header().id);
    expect_blocks(SharedMap(path, MapFile::Mode::read_only), 900);
    EXPECT_LT(std::filesystem::file_size(path), place_of(2000));
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

// A process ended the log and died before the new file had the name. The next one repeats the step,
// whether it had the log open or opens it now.
TEST_F(SharedMapTest, ALogThatEndedWithoutASuccessorGetsOne) {
    for (const bool open_before : {true, false}) {
        const std::string where = folder.path() / (open_before ? "before.map" : "after.map");
        SharedMap::create(where, header);
        SharedMap living(where, MapFile::Mode::read_write);
        append(living, 0);
        MapFile raw(where, MapFile::Mode::read_write);
        raw.write(1, {.kind = Record::Kind::end});
        const auto old_id = raw.header().id;
        std::ofstream(where + ".new") << "half of a file";
        if (!open_before) {
            SharedMap opened(where, MapFile::Mode::read_write);
            EXPECT_NE(opened.header().id, old_id);
            append(opened, 1);
        }
        living.refresh();
        EXPECT_NE(living.header().id, old_id);
        expect_blocks(living, open_before ? 1 : 2);
    }
}

} // namespace
} // namespace thin
