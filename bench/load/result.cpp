// SPDX-License-Identifier: MIT
#include "bench/load/result.hpp"

#include <Poco/JSON/Object.h>
#include <algorithm>
#include <sstream>

namespace userblk::bench {

namespace {

using Nanoseconds = std::chrono::duration<double, std::nano>;

// Segment i of all jobs: from the first start to the last end.
double ns_per_io(const Result& result, std::size_t i) {
    auto start = result.segments.front()[i].start, end = result.segments.front()[i].end;
    std::uint64_t requests = 0;
    for (const auto& job : result.segments) {
        start = std::min(start, job[i].start);
        end = std::max(end, job[i].end);
        requests += job[i].requests;
    }
    return requests == 0 ? 0 : Nanoseconds(end - start).count() / static_cast<double>(requests);
}

std::uint64_t count_requests(const Result& result) {
    std::uint64_t sum = 0;
    for (const auto& job : result.segments)
        for (const auto& segment : job)
            sum += segment.requests;
    return sum;
}

std::uint32_t quantile(std::vector<std::uint32_t>& values, double q) {
    const auto at =
        values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

} // namespace

std::string to_json(const Options& options, Result result) {
    Poco::JSON::Object json;
    json.set("device", options.device);
    json.set("op", options.write ? "write" : "read");
    json.set("block", options.block);
    json.set("depth", options.depth);
    json.set("jobs", options.jobs);
    const auto requests = count_requests(result);
    json.set("requests", requests);
    Poco::JSON::Array figures;
    for (std::size_t i = 0; i < result.segments.front().size(); ++i)
        figures.add(ns_per_io(result, i));
    json.set("ns_per_io", figures);
    if (requests > 0) {
        const auto per_io = [&](std::uint64_t sum) {
            return static_cast<double>(sum) / static_cast<double>(requests);
        };
        json.set("cpu_ns_per_io", per_io(result.cpu_ns));
        json.set("switches_per_io", per_io(result.switches));
    }
    if (!result.latencies.empty()) {
        json.set("p50_ns", quantile(result.latencies, 0.5));
        json.set("p99_ns", quantile(result.latencies, 0.99));
    }
    std::ostringstream text;
    json.stringify(text);
    return text.str();
}

} // namespace userblk::bench
