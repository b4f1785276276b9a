// SPDX-License-Identifier: MIT
#include "tests/system/support/record.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace userblk::test {

namespace {

constexpr std::uint64_t magic = 0x6b6c62726573752eull;

enum Word : std::size_t { magic_at, offset_at, sequence_at, writer_at, first_at, sum_at, payload };
using Words = std::array<std::uint64_t, record_block / sizeof(std::uint64_t)>;

std::uint64_t mixed(std::uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

std::uint64_t checksum(const Words& words) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < words.size(); i++)
        if (i != sum_at)
            sum = (sum << 7 | sum >> 57) ^ words[i] * 0x9e3779b97f4a7c15ull;
    return sum;
}

Words words_of(const Record& record, std::uint64_t offset) {
    Words words;
    words[magic_at] = magic;
    words[offset_at] = offset;
    words[sequence_at] = record.sequence;
    words[writer_at] = std::uint64_t{record.writer} << 32 | record.blocks;
    words[first_at] = record.offset;
    const std::uint64_t seed = mixed(offset ^ record.sequence << 20 ^ words[writer_at]);
    for (std::size_t i = payload; i < words.size(); i++)
        words[i] = mixed(seed + i);
    words[sum_at] = checksum(words);
    return words;
}

} // namespace

void fill_block(void* memory, const Record& record, std::uint32_t index) {
    const Words words = words_of(record, record.offset + index * record_block);
    std::memcpy(memory, words.data(), record_block);
}

BlockContent read_block(const void* memory, std::uint64_t offset, std::uint32_t writer) {
    Words words;
    std::memcpy(words.data(), memory, record_block);
    BlockContent content;
    content.magic = words[magic_at];
    content.offset = words[offset_at];
    content.sequence = words[sequence_at];
    content.writer = words[writer_at] >> 32;
    content.checksum = words[sum_at];
    if (std::all_of(words.begin(), words.end(), [](std::uint64_t word) { return !word; })) {
        content.sound = true;
        return content;
    }
    const Record record{words[sequence_at], static_cast<std::uint32_t>(words[writer_at] >> 32),
                        static_cast<std::uint32_t>(words[writer_at]), words[first_at]};
    const bool in_record =
        offset >= record.offset && offset < record.offset + record.blocks * record_block;
    content.sound = record.sequence && record.writer == writer && in_record &&
                    words == words_of(record, offset);
    return content;
}

std::string BlockContent::describe() const {
    char text[200];
    std::snprintf(
        text, sizeof(text), "magic %#llx, offset %llu, sequence %llu, writer %llu, checksum %#llx",
        static_cast<unsigned long long>(magic), static_cast<unsigned long long>(offset),
        static_cast<unsigned long long>(sequence), static_cast<unsigned long long>(writer),
        static_cast<unsigned long long>(checksum));
    return text;
}

} // namespace userblk::test
