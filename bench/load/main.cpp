// SPDX-License-Identifier: MIT
//
// userblk-load: reads or writes a block device with a fixed sequence of offsets and prints the time
// of a request. It does less per request than fio, so that the device accounts for more of what is
// measured.
#include "bench/load/result.hpp"

#include "ioctl/error.hpp"
#include "userblk/units.hpp"

#include <CLI/CLI.hpp>
#include <barrier>
#include <exception>
#include <fstream>
#include <iostream>
#include <memory>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>

namespace {

using namespace userblk;
using namespace userblk::bench;

// Marks the beginning and the end of the measured part for an observer of the emulated CPU
// (bench/profile): a "no operation" with a number in it.
void mark() {
#ifdef __x86_64__
    asm volatile("nopl 0x554b4c42(%rax)"); // "BLKU"
#endif
}

std::uint64_t cpu_time() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ns = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
               static_cast<std::uint64_t>(time.tv_usec) * 1'000U;
    };
    return ns(usage.ru_utime) + ns(usage.ru_stime);
}

// Of contexts, on all processors since the boot.
std::uint64_t count_switches() {
    std::ifstream file("/proc/stat");
    for (std::string word; file >> word;)
        if (word == "ctxt") {
            std::uint64_t count = 0;
            file >> count;
            return count;
        }
    return 0;
}

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
    if (const int error = ::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set))
        abi::throw_error("run on CPU " + std::to_string(cpu), abi::errno_code(error));
}

Options parse(int argc, char** argv) {
    Options options;
    std::string block = "4K", span;
    CLI::App app(
        "Reads or writes a block device and prints the time of a request (one line of JSON)");
    app.add_option("device", options.device, "the block device")->required();
    app.add_flag("--write", options.write, "write; overwrites the content");
    app.add_flag("--sequential", options.sequential, "one block after the other");
    app.add_option("--block", block, "bytes per request")->capture_default_str();
    app.add_option("--depth", options.depth, "requests in flight per job")
        ->check(CLI::Range(1, 4096))
        ->capture_default_str();
    app.add_option("--jobs", options.jobs, "threads")
        ->check(CLI::Range(1, 256))
        ->capture_default_str();
    app.add_option("--segments", options.segments,
                   "number of measured segments, after one to warm up")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    auto* count = app.add_option("--count", options.count, "requests per job and segment")
                      ->check(CLI::PositiveNumber);
    app.add_option("--seconds", options.seconds, "length of a segment")
        ->check(CLI::PositiveNumber)
        ->excludes(count);
    app.add_option("--span", span, "use only this much of the device");
    app.add_option("--seed", options.seed, "seed of the sequence of offsets")
        ->capture_default_str();
    app.add_flag("--latency", options.latency, "time every request");
    app.add_option("--buffers", options.buffers,
                   "file in whose memory the data are, for a driver that shares it");
    app.add_option("--cpus", options.cpus, "CPUs of the jobs, in turn")->delimiter(',');
    try {
        app.parse(argc, argv);
        options.block = parse_size(block);
        options.span = span.empty() ? 0 : parse_size(span);
        if (options.block == 0 || options.block % 512 != 0 || options.block > (64U << 20))
            throw CLI::ValidationError("--block", "expected a multiple of 512 up to 64M");
    } catch (const CLI::ParseError& error) {
        std::exit(app.exit(error) == 0 ? 0 : 2);
    } catch (const std::invalid_argument& error) {
        std::cerr << "userblk-load: " << error.what() << '\n';
        std::exit(2);
    }
    if (options.count == 0 && options.seconds == 0)
        options.count = 1000;
    return options;
}

// All jobs start each segment together.
Result run(const Options& options) {
    std::vector<std::unique_ptr<Job>> jobs;
    for (unsigned i = 0; i < options.jobs; ++i)
        jobs.push_back(std::make_unique<Job>(options, i));
    Result result;
    result.segments.resize(options.jobs);
    std::vector<std::exception_ptr> errors(options.jobs);
    std::uint64_t cpu_start = 0, switches_start = 0;
    unsigned segment = 0;
    std::barrier together(options.jobs, [&]() noexcept {
        if (segment++ == 1) {
            switches_start = count_switches();
            mark();
            cpu_start = cpu_time();
        }
    });
    const auto work = [&](unsigned i) {
        try {
            if (!options.cpus.empty())
                pin(options.cpus[i % options.cpus.size()]);
            for (unsigned s = 0; s <= options.segments; ++s) {
                together.arrive_and_wait();
                const auto done = jobs[i]->run_segment(s > 0);
                if (s > 0)
                    result.segments[i].push_back(done);
            }
        } catch (...) {
            errors[i] = std::current_exception();
            together.arrive_and_drop();
        }
    };
    {
        std::vector<std::jthread> threads;
        for (unsigned i = 1; i < options.jobs; ++i)
            threads.emplace_back(work, i);
        work(0);
    }
    mark();
    result.cpu_ns = cpu_time() - cpu_start;
    result.switches = count_switches() - switches_start;
    for (const auto& error : errors)
        if (error)
            std::rethrow_exception(error);
    for (const auto& job : jobs)
        result.latencies.insert(result.latencies.end(), job->latencies().begin(),
                                job->latencies().end());
    return result;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    try {
        std::cout << to_json(options, run(options)) << '\n';
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "userblk-load: " << error.what() << '\n';
        return 1;
    }
}
