// SPDX-License-Identifier: MIT
//
// The tracepoints: a request's path by its ids.
#include <cstdio>

#include "tests/support/kernel_test.hpp"
#include "tests/support/tracing.hpp"

namespace userblk::test {

class Trace : public KernelTest {
protected:
    static std::string hex(std::uint64_t id) {
        char text[32];
        std::snprintf(text, sizeof(text), "id=%#llx ", static_cast<unsigned long long>(id));
        return text;
    }
    // How many lines of the event contain the text.
    static std::size_t count(const Tracing& tracing, const std::string& event,
                             const std::string& text) {
        std::size_t found = 0;
        for (const std::string& line : tracing.lines(event))
            found += line.find(text) != std::string::npos;
        return found;
    }
};

TEST_F(Trace, EventsExist) {
    for (const char* event : {"userblk_queue", "userblk_get", "userblk_put", "userblk_put_back",
                              "userblk_undo", "userblk_redirected", "userblk_reset"})
        EXPECT_TRUE(Tracing::exists(event)) << event;
}

// A request is queued, taken, put back, taken again under a new id, answered with the stale id and
// then with the valid one.
TEST_F(Trace, ShowsTheWayOfARequest) {
    const Tracing tracing;
    TestDevice device;
    const Io io = device.read(65536, 4096);
    const userblk_request first = take(device.control());
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request second = take(device.control());
    EXPECT_EQ(put(device.control(), complete(first.id, -EIO)), ESTALE);
    EXPECT_EQ(put(device.control(), complete(second.id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
    for (const userblk_request& request : {first, second}) {
        EXPECT_EQ(count(tracing, "userblk_queue", hex(request.id)), 1u);
        EXPECT_EQ(count(tracing, "userblk_get", hex(request.id)), 1u);
        EXPECT_EQ(count(tracing, "userblk_put", hex(request.id)), 1u);
    }
    EXPECT_EQ(count(tracing, "userblk_get", "offset=65536 length=4096"), 2u);
    EXPECT_EQ(count(tracing, "userblk_put", "result=" + std::to_string(-ESTALE)), 1u);
    EXPECT_EQ(count(tracing, "userblk_put", "status=" + std::to_string(-EIO)), 2u);
    EXPECT_EQ(count(tracing, "userblk_reset", device.name() + " all count=1"), 1u);
}

// A request is delivered to an inaccessible buffer: it is queued again, and the trace shows the end
// of this delivery.
TEST_F(Trace, ShowsFailedDeliveries) {
    const Tracing tracing;
    TestDevice device;
    const Io io = device.write(0, pattern(4096, 1));
    userblk_request bad = record(reinterpret_cast<void*>(bad_address), 4096);
    EXPECT_EQ(get(device.control(), {&bad, 1}).count, 1u);
    EXPECT_EQ(bad.result, -EFAULT);
    const userblk_request taken = take(device.control());
    EXPECT_EQ(taken.deliveries, 1u);
    EXPECT_EQ(put(device.control(), complete(taken.id)), 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(count(tracing, "userblk_get", ""), 2u);
    EXPECT_EQ(count(tracing, "userblk_undo", ""), 1u);
    EXPECT_EQ(count(tracing, "userblk_undo", hex(taken.id)), 0u);
}

} // namespace userblk::test
