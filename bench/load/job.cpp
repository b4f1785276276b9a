// SPDX-License-Identifier: MIT
#include "bench/load/job.hpp"

#include "ioctl/error.hpp"

#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

namespace userblk::bench {

// The end of a segment: after that many requests, or that long.
class Job::Finish {
public:
    explicit Finish(const Options& options)
        : left_(options.count), timed_(options.seconds > 0),
          end_(Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(options.seconds))) {}

    /// Called before each request that is started.
    bool reached() noexcept {
        if (timed_)
            return (++asked_ % 8 == 0 && Clock::now() >= end_) || over_;
        if (left_ == 0)
            return true;
        --left_;
        return false;
    }
    void set_over() noexcept { over_ = true; }

private:
    std::uint64_t left_;
    std::uint64_t asked_ = 0;
    bool timed_;
    bool over_ = false;
    Clock::time_point end_;
};

namespace {

abi::FileDescriptor open_device(const Options& options) {
    return abi::FileDescriptor::open(options.device.c_str(),
                                     (options.write ? O_RDWR : O_RDONLY) | O_DIRECT);
}

std::uint64_t count_blocks(int fd, const Options& options) {
    const auto size = ::lseek(fd, 0, SEEK_END);
    if (size < 0)
        abi::throw_errno("find the size of " + options.device);
    auto span = static_cast<std::uint64_t>(size);
    if (options.span != 0 && options.span < span)
        span = options.span;
    if (span < options.block)
        throw std::invalid_argument(options.device + " is smaller than one block");
    return span / options.block;
}

Buffers make_buffers(const Options& options, unsigned index) {
    if (options.buffers.empty())
        return {options.depth, options.block};
    return {options.depth, options.block, options.buffers, index};
}

std::uint32_t since(Job::Clock::time_point start) noexcept {
    return static_cast<std::uint32_t>((Job::Clock::now() - start).count());
}

} // namespace

Job::Job(const Options& options, unsigned index)
    : options_(options), file_(open_device(options)), blocks_(count_blocks(file_.get(), options)),
      random_((options.seed + index) * 0x9e3779b97f4a7c15ULL | 1),
      at_(blocks_ / options.jobs * index), buffers_(make_buffers(options, index)),
      ring_(options.depth > 1 ? std::make_unique<Ring>(options.depth) : nullptr),
      starts_(options.depth) {}

// Marsaglia's xorshift: a few instructions, and the same sequence everywhere.
std::uint64_t Job::next_offset() noexcept {
    if (options_.sequential)
        return at_++ % blocks_ * options_.block;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return random_ % blocks_ * options_.block;
}

Job::Segment Job::run_segment(bool count_latency) {
    count_latency_ = count_latency && options_.latency;
    Segment segment;
    Finish finish(options_);
    segment.start = Clock::now();
    if (options_.depth == 1)
        run_serial(finish, segment);
    else
        run_deep(finish, segment);
    segment.end = Clock::now();
    return segment;
}

void Job::fail(std::int64_t result) const {
    const char* const what = options_.write ? "write to " : "read from ";
    if (result < 0)
        abi::throw_error(what + options_.device, abi::errno_code(static_cast<int>(-result)));
    throw std::runtime_error("unable to " + (what + options_.device) + ": only a part was done");
}

void Job::run_serial(Finish& finish, Segment& segment) {
    for (; !finish.reached(); ++segment.requests) {
        const auto offset = static_cast<off_t>(next_offset());
        const auto start = count_latency_ ? Clock::now() : Clock::time_point();
        const auto result = options_.write
                                ? ::pwrite(file_.get(), buffers_[0], options_.block, offset)
                                : ::pread(file_.get(), buffers_[0], options_.block, offset);
        if (count_latency_)
            latencies_.push_back(since(start));
        check(result < 0 ? -errno : result);
    }
}

void Job::run_deep(Finish& finish, Segment& segment) {
    unsigned in_flight = 0;
    const auto start_one = [&](unsigned tag) {
        if (finish.reached()) {
            finish.set_over();
            return;
        }
        if (count_latency_)
            starts_[tag] = Clock::now();
        ring_->prepare(options_.write, file_.get(), buffers_[tag],
                       static_cast<unsigned>(options_.block), next_offset(), tag);
        ++in_flight;
    };
    for (unsigned tag = 0; tag < options_.depth; ++tag)
        start_one(tag);
    while (in_flight > 0) {
        ring_->submit_and_wait();
        ring_->for_each_result([&](unsigned tag, int result) {
            check(result);
            if (count_latency_)
                latencies_.push_back(since(starts_[tag]));
            --in_flight;
            ++segment.requests;
            start_one(tag);
        });
    }
}

} // namespace userblk::bench
