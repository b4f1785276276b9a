// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tests/support/fd.hpp"
#include "tests/support/tracing.hpp"

namespace userblk::test {

// Follows every request of the only device through the module's tracepoints, while the object
// lives, and checks that it is outstanding once at a time: each delivery has its own id and ends
// exactly once, by an answer, by the end of its redirected I/O, by being put back, or because it
// could not be handed over; and no request is delivered while an earlier delivery of the same slot
// is outstanding.
class DeliveryAudit {
public:
    DeliveryAudit();
    DeliveryAudit(const DeliveryAudit&) = delete;
    DeliveryAudit& operator=(const DeliveryAudit&) = delete;
    ~DeliveryAudit();

    // Ends the audit, when there is no more traffic; describes every violation.
    std::vector<std::string> finish();

    std::uint64_t deliveries() const { return deliveries_; }
    std::uint64_t redeliveries() const { return redeliveries_; }
    std::uint64_t put_back() const { return put_back_; }
    std::uint64_t adopted() const { return adopted_; }
    std::uint64_t redirected() const { return redirected_; }
    // The callers of RESETs that put something back.
    const std::set<int>& healers() const { return healers_; }

private:
    enum class End { none, answered, given_back, returned };
    struct Line;

    void follow();
    bool read_some();
    void note(const std::string& line);
    void delivered(const Line& line);
    void ended(std::uint64_t id, End how);
    void complain(const std::string& what, std::uint64_t id);

    Tracing tracing_;
    Fd pipe_;
    std::string rest_;
    std::atomic<bool> stop_ = false;
    std::unordered_map<std::uint64_t, End> ends_;             // of each id
    std::unordered_map<std::uint32_t, std::uint64_t> newest_; // id by slot
    std::set<std::uint64_t> overtaken_; // still outstanding when their slot was delivered again
    std::vector<std::string> complaints_;
    std::uint64_t deliveries_ = 0, redeliveries_ = 0, put_back_ = 0, adopted_ = 0, redirected_ = 0;
    std::set<int> healers_;
    std::thread thread_;
};

} // namespace userblk::test
