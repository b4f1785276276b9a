// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <linux/aio_abi.h>

#include "tests/support/buffer.hpp"
#include "tests/support/fd.hpp"
#include "tests/system/support/record_book.hpp"

namespace userblk::test {

// Writes records to its part of a device, bypassing the page cache, several at a time, and reads
// others meanwhile. Whatever it reads must belong to the record that was acknowledged last at that
// place or is under way: while it runs, when it begins and, with nothing under way, at the end. It
// outlives the device: what one device acknowledged is looked for on the next over the same store.
class RecordWriter {
public:
    struct Counts {
        std::uint64_t written = 0; // records acknowledged
        std::uint64_t durable = 0; // of these, with FUA
        std::uint64_t read = 0;    // blocks checked
        std::chrono::milliseconds longest{0};
    };

    // Writes the device's bytes from `begin` on, `depth` requests at a time, under its own number.
    RecordWriter(std::uint32_t writer, std::uint64_t begin, unsigned int depth, unsigned int seed);
    RecordWriter(const RecordWriter&) = delete;
    RecordWriter& operator=(const RecordWriter&) = delete;
    ~RecordWriter();

    // In its own thread, up to the byte `end` of the device.
    void start(const std::string& device, std::uint64_t end);
    // The device has grown: it may write there, too.
    void grow(std::uint64_t end) { end_ = end; }
    // Stops after all requests are answered and its whole part has been read.
    void stop();

    // While nobody writes to the store: checks that acknowledged records are in it, and that writes
    // under way are there in whole blocks or not at all. The store is as long as the device.
    std::string check_store(const void* store) const { return book_.check_store(store); }

    // After stop(): everything that was wrong, in words, I/O errors included.
    const std::vector<std::string>& complaints() const { return complaints_; }
    std::uint64_t errors() const { return errors_; }
    Counts counts() const { return counts_; }

private:
    struct Operation;

    void run(const std::string& device);
    void read_everything();
    void send_some();
    void send_write(Operation& operation);
    void send_read(Operation& operation, std::uint64_t offset, std::uint32_t blocks);
    void send(Operation& operation);
    void collect();
    void done(Operation& operation, std::int64_t result);
    void complain(const std::string& what);
    Operation* free_operation();
    bool busy(std::uint64_t place, bool writes) const;
    std::uint32_t below(std::uint64_t limit);

    std::uint32_t writer_;
    std::atomic<std::uint64_t> end_ = 0;
    std::atomic<bool> stop_ = false;
    std::mt19937_64 random_;
    RecordBook book_;
    std::uint64_t sequence_ = 0;
    std::vector<std::unique_ptr<Operation>> operations_;
    std::size_t under_way_ = 0;
    aio_context_t context_ = 0;
    Fd fd_;
    Counts counts_;
    std::uint64_t errors_ = 0;
    std::vector<std::string> complaints_;
    std::thread thread_;
};

} // namespace userblk::test
