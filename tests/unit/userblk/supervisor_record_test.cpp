// SPDX-License-Identifier: MIT
#include "userblk/supervisor_record.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace userblk {
namespace {

SupervisorRecord sample() {
    SupervisorRecord record;
    record.diskseq = 17;
    record.store = "log,file:/srv/a disk=100%\n.img";
    record.identity = "file:2049:77";
    record.workers = 4;
    record.threads = 2;
    record.options = {"--redirect", "--user=\x1b[31mnobody"};
    return record;
}

// Whatever the values contain, they are read as written, one line each.
TEST(SupervisorRecord, IsReadAsItWasWritten) {
    const auto text = sample().to_text();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 7);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    const auto read = SupervisorRecord::from_text(text);
    EXPECT_EQ(read.diskseq, 17U);
    EXPECT_EQ(read.store, sample().store);
    EXPECT_EQ(read.identity, sample().identity);
    EXPECT_EQ(read.workers, 4U);
    EXPECT_EQ(read.threads, 2U);
    EXPECT_EQ(read.options, sample().options);
}

// Entries that exist only in trouble are read as written, too.
TEST(SupervisorRecord, ReportsTrouble) {
    auto record = sample();
    EXPECT_TRUE(SupervisorRecord::from_text(record.to_text()).error.empty());
    record.store_state = "replaced";
    record.error = "unable to open /srv/a\nb: \x1b[31m";
    record.error_time = 1'796'000'000;
    const auto read = SupervisorRecord::from_text(record.to_text());
    EXPECT_EQ(read.store_state, "replaced");
    EXPECT_EQ(read.error, record.error);
    EXPECT_EQ(read.error_time, record.error_time);
    EXPECT_EQ(read.options, record.options);
}

// A later version writes more, an earlier one nothing, and the file may contain anything.
TEST(SupervisorRecord, IgnoresWhatItDoesNotKnow) {
    EXPECT_TRUE(SupervisorRecord::from_text("").store.empty());
    const auto read = SupervisorRecord::from_text("new=1\n=\n\nstore=mem:%\nworkers=x\nstray");
    EXPECT_EQ(read.store, "mem:%");
    EXPECT_EQ(read.workers, 0U);
}

} // namespace
} // namespace userblk
