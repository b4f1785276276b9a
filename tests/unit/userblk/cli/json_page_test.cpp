// SPDX-License-Identifier: MIT
// docs/json.md describes the tools' output: every key, with its type, and no others. Here for a
// made-up device that has everything; tests/system/view_test.cpp runs the programs themselves on a
// real one.
#include "recover/watch.hpp"
#include "tests/support/json_page.hpp"
#include "userblk/cli/json.hpp"
#include "userblk/ctl/format/counters.hpp"
#include "userblk/ctl/format/device_facts.hpp"
#include "userblk/ctl/format/device_report.hpp"
#include "userblk/ctl/format/list_columns.hpp"

#include <gtest/gtest.h>

namespace userblk {

namespace {

using cli::JsonWriter;
using test::JsonPage;
using test::lines;

userblk_info info() {
    userblk_info info{};
    info.config.number = 3;
    info.config.size = 1 << 30;
    info.config.flags = USERBLK_F_ALL;
    info.features = USERBLK_FEATURE_SERVERS;
    info.state = USERBLK_STATE_SERVED;
    return info;
}

std::vector<inspect::Holding> holdings() {
    userblk_taken taken{};
    taken.id = ~0ULL;
    return inspect::holdings_of({taken});
}

SupervisorRecord record() {
    SupervisorRecord record;
    record.store = "file:/srv/disk.img";
    record.options = {"--redirect"};
    return record;
}

std::string list() {
    ctl::ListRow row;
    row.facts.servers = 1;
    row.supervisors = {{17, ""}};
    row.records = {record()};
    JsonWriter json;
    json.begin_array();
    write(json, ctl::list_columns(), row);
    return json.end_array().text();
}

std::string report(const userblk_info& device) {
    JsonWriter json(JsonWriter::Layout::indented);
    write(json, ctl::DeviceReport{device, holdings(), {{17, ""}}, {record()}});
    return json.text();
}

inspect::Survey survey() {
    inspect::Survey survey;
    survey.holdings = holdings();
    return survey;
}

void expect_described(JsonPage& page, const std::string& printer, const std::string& text) {
    EXPECT_EQ(lines(page.faults(printer, text)), "") << text;
}

} // namespace

// The page describes every key of list, and list prints every key that the page describes.
TEST(JsonPage, DescribesTheList) {
    JsonPage page;
    expect_described(page, "list", list());
    EXPECT_EQ(lines(page.missing("list")), "");
}

// An old module does not report the number of servers.
TEST(JsonPage, DescribesInfo) {
    JsonPage page;
    auto old = info();
    old.features = 0;
    expect_described(page, "info", report(old));
    expect_described(page, "info", report(info()));
    EXPECT_EQ(lines(page.missing("info")), "");
}

// The same for create.
TEST(JsonPage, DescribesCreate) {
    JsonPage page;
    JsonWriter json;
    json.begin_object();
    ctl::write(json, info().config);
    expect_described(page, "create", json.end_object().text());
    EXPECT_EQ(lines(page.missing("create")), "");
}

// The same for stats, for counts and for rates.
TEST(JsonPage, DescribesStats) {
    JsonPage page;
    using ctl::StatsKind;
    JsonWriter counts, rates;
    write(counts, ctl::stats_columns(StatsKind::counts), ctl::counts_of(info()));
    write(rates, ctl::stats_columns(StatsKind::rates),
          ctl::rates_between(info(), info(), std::chrono::seconds(1)));
    expect_described(page, "stats", counts.text());
    expect_described(page, "rates", rates.text());
    EXPECT_EQ(lines(page.missing("stats")) + lines(page.missing("rates")), "");
}

// Of two members with one name, a parser takes the first or the last, as it likes.
TEST(JsonPage, DescribesEventsInWhichNoNameComesTwice) {
    JsonPage page;
    for (const auto& text :
         {recovery::orphaned_event(survey()), recovery::put_back_event(3, "x", 2),
          recovery::removed_event(3, "x")}) {
        expect_described(page, "watch", text);
        const auto members = text.substr(0, text.find('[')); // the list of requests is last
        for (const char* key : {"event", "device", "number", "name"}) {
            const auto quoted = std::string("\"") + key + "\":";
            const auto at = members.find(quoted);
            ASSERT_NE(at, std::string::npos) << text;
            EXPECT_EQ(members.find(quoted, at + 1), std::string::npos) << text;
        }
    }
    EXPECT_EQ(lines(page.missing("watch")), "");
}

// The comparison itself: it detects a key that the page lacks, one of another type, one within a
// list, and one that is not printed.
TEST(JsonPage, IsComparedInBothDirections) {
    JsonPage page;
    EXPECT_EQ(page.faults("stats", R"([{"device":"userblk0","gets":1}])").size(), 0U);
    EXPECT_EQ(page.faults("stats", R"([{"weather":"fine"}])").size(), 1U);
    EXPECT_EQ(page.faults("stats", R"([{"gets":"1"}])").size(), 1U);
    EXPECT_EQ(page.faults("stats", R"([{"gets":null}])").size(), 1U);
    EXPECT_EQ(page.faults("info", R"({"requests":[{"pid":1,"seat":2}]})").size(), 1U);
    EXPECT_EQ(page.faults("info", R"({"requests":[1]})").size(), 1U);
    EXPECT_EQ(page.faults("info", R"({"features":["fua"],"servers":null})").size(), 0U);
    EXPECT_EQ(page.faults("info", "{").size(), 1U);
    EXPECT_NE(lines(page.missing("stats")).find("resets of stats"), std::string::npos);
    EXPECT_EQ(lines(page.missing("stats")).find("gets of stats"), std::string::npos);
    EXPECT_TRUE(page.missing("nobody").empty());
}

} // namespace userblk
