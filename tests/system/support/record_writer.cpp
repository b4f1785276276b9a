// SPDX-License-Identifier: MIT
#include "tests/system/support/record_writer.hpp"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/support/abi.hpp"

namespace userblk::test {

namespace {

// Each place has one write under way at a time, so its possible contents are known.
constexpr std::uint32_t place_blocks = 64;
constexpr std::uint64_t place_size = place_blocks * record_block;
constexpr std::size_t most_complaints = 20;

} // namespace

struct RecordWriter::Operation {
    bool under_way = false;
    bool writes = false;
    bool durable = false;
    Record record;                                 // of a write; of a read where it is
    std::vector<RecordBook::Expectation> expected; // of a read
    std::chrono::steady_clock::time_point sent;
    Buffer data{place_size};
    iocb control{};
};

RecordWriter::RecordWriter(std::uint32_t writer, std::uint64_t begin, unsigned int depth,
                           unsigned int seed)
    : writer_(writer), random_(seed), book_(writer, begin) {
    for (unsigned int i = 0; i < depth; i++)
        operations_.push_back(std::make_unique<Operation>());
    if (syscall(SYS_io_setup, depth, &context_))
        throw_errno("unable to set up asynchronous I/O");
}

RecordWriter::~RecordWriter() {
    stop();
    syscall(SYS_io_destroy, context_);
}

void RecordWriter::start(const std::string& device, std::uint64_t end) {
    stop_ = false;
    end_ = end;
    thread_ = std::thread([this, device] { run(device); });
}

void RecordWriter::stop() {
    stop_ = true;
    if (thread_.joinable())
        thread_.join();
}

void RecordWriter::run(const std::string& device) {
    try {
        fd_ = open_file(device, O_RDWR | O_DIRECT);
        book_.grow(end_);
        read_everything();
        while (!stop_) {
            book_.grow(end_);
            send_some();
            collect();
        }
        while (under_way_)
            collect();
        read_everything();
    } catch (const std::exception& error) {
        complain(error.what());
    }
    fd_.reset();
}

// With nothing else under way, so that there is exactly one right answer.
void RecordWriter::read_everything() {
    for (std::uint64_t at = book_.begin(); at < book_.end(); at += place_size) {
        while (under_way_ == operations_.size())
            collect();
        send_read(
            *free_operation(), at,
            static_cast<std::uint32_t>(std::min(place_size, book_.end() - at) / record_block));
    }
    while (under_way_)
        collect();
}

// Two writes for each read, at places that have none of the kind under way.
void RecordWriter::send_some() {
    const std::uint64_t places = (book_.end() - book_.begin()) / place_size;
    for (int attempt = 0; attempt < 8 && under_way_ < operations_.size(); attempt++) {
        const std::uint64_t place = book_.begin() + below(places) * place_size;
        const bool writes = below(3) > 0;
        if (busy(place, writes))
            continue;
        Operation& operation = *free_operation();
        // Most are small; some fill the whole place.
        const std::uint32_t blocks = 1 + below(below(4) ? 16 : place_blocks);
        const std::uint64_t offset = place + below(place_blocks - blocks + 1) * record_block;
        if (!writes) {
            send_read(operation, offset, blocks);
            continue;
        }
        operation.record = {++sequence_, writer_, blocks, offset};
        operation.durable = below(8) == 0;
        send_write(operation);
    }
}

void RecordWriter::send_write(Operation& operation) {
    const Record& record = operation.record;
    for (std::uint32_t i = 0; i < record.blocks; i++)
        fill_block(operation.data.data() + i * record_block, record, i);
    book_.sent(record);
    operation.writes = true;
    send(operation);
}

void RecordWriter::send_read(Operation& operation, std::uint64_t offset, std::uint32_t blocks) {
    operation.record = {0, writer_, blocks, offset};
    operation.expected = book_.expectations(offset, blocks);
    operation.data.fill(0xee);
    operation.writes = operation.durable = false;
    send(operation);
}

void RecordWriter::send(Operation& operation) {
    iocb& control = operation.control;
    control = {};
    control.aio_data = address(&operation);
    control.aio_lio_opcode = operation.writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    control.aio_fildes = static_cast<std::uint32_t>(fd_.get());
    control.aio_buf = address(operation.data.data());
    control.aio_nbytes = operation.record.blocks * record_block;
    control.aio_offset = static_cast<std::int64_t>(operation.record.offset);
    control.aio_rw_flags = operation.durable ? RWF_DSYNC : 0;
    operation.sent = std::chrono::steady_clock::now();
    iocb* list[] = {&control};
    if (syscall(SYS_io_submit, context_, 1L, list) != 1)
        throw_errno("unable to submit I/O");
    operation.under_way = true;
    under_way_++;
}

// Waits briefly for at least one.
void RecordWriter::collect() {
    io_event events[32];
    timespec moment{0, 50'000'000};
    const long n = syscall(SYS_io_getevents, context_, under_way_ ? 1L : 0L, 32L, events, &moment);
    for (long i = 0; i < n; i++)
        done(*reinterpret_cast<Operation*>(events[i].data), events[i].res);
}

void RecordWriter::done(Operation& operation, std::int64_t result) {
    const Record& record = operation.record;
    operation.under_way = false;
    under_way_--;
    counts_.longest =
        std::max(counts_.longest, std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - operation.sent));
    if (result != static_cast<std::int64_t>(record.blocks * record_block)) {
        errors_++;
        complain((operation.writes ? "write" : "read") + std::string(" of ") +
                 std::to_string(record.blocks) + " blocks at " + std::to_string(record.offset) +
                 ": " + (result < 0 ? std::strerror(static_cast<int>(-result)) : "too short"));
        return;
    }
    if (operation.writes) {
        book_.acknowledged(record);
        counts_.written++;
        counts_.durable += operation.durable;
        return;
    }
    counts_.read += record.blocks;
    const std::string problem =
        book_.check(operation.data.data(), record.offset, operation.expected);
    if (!problem.empty())
        complain(problem);
}

void RecordWriter::complain(const std::string& what) {
    if (complaints_.size() < most_complaints)
        complaints_.push_back("writer " + std::to_string(writer_) + ": " + what);
}

RecordWriter::Operation* RecordWriter::free_operation() {
    for (const auto& operation : operations_)
        if (!operation->under_way)
            return operation.get();
    return nullptr;
}

bool RecordWriter::busy(std::uint64_t place, bool writes) const {
    return std::any_of(operations_.begin(), operations_.end(), [=](const auto& operation) {
        return operation->under_way && operation->writes == writes &&
               operation->record.offset / place_size == place / place_size;
    });
}

std::uint32_t RecordWriter::below(std::uint64_t limit) {
    return static_cast<std::uint32_t>(
        std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_));
}

} // namespace userblk::test
