// SPDX-License-Identifier: MIT
#include "userblk/ctl/format/list_columns.hpp"

#include "userblk/ctl/format/service_state.hpp"
#include "userblk/units.hpp"

namespace userblk::ctl {

namespace {

using cli::JsonWriter;
using Align = cli::Table::Align;
using Facts = abi::Attributes;

Service service_of(const ListRow& row) {
    return {row.facts.state != "new", row.facts.servers, row.facts.unserved};
}

template <auto Member>
void write_fact(JsonWriter& json, const ListRow& row) {
    json.value(row.facts.*Member);
}
template <auto Member>
std::string count_text(const ListRow& row, bool) {
    return std::to_string(row.facts.*Member);
}
template <auto Member>
std::string time_text(const ListRow& row, bool) {
    return (row.facts.*Member).count() == 0 ? "" : format_duration(row.facts.*Member);
}

template <auto Member>
Column<ListRow> count_column(const char* name, const char* key) {
    return {name, key, Align::right, write_fact<Member>, count_text<Member>};
}
template <auto Member>
Column<ListRow> time_column(const char* name, const char* key) {
    return {name, key, Align::right, write_fact<Member>, time_text<Member>};
}
// A column that is derived from the device's number.
template <std::string (*Text)(std::uint32_t)>
Column<ListRow> text_column(const char* name, const char* key) {
    return {name, key, Align::left,
            [](JsonWriter& json, const ListRow& row) { json.value(Text(row.number)); },
            [](const ListRow& row, bool) { return Text(row.number); }};
}

std::string pids_text(const ListRow& row, bool) {
    std::string text;
    for (const auto pid : pids_of(row.supervisors))
        text += (text.empty() ? "" : ",") + (pid > 0 ? std::to_string(pid) : "hidden");
    return text;
}

std::string all_options_text(const ListRow& row, bool) {
    std::string text;
    for (const auto& record : row.records)
        text += (text.empty() ? "" : "; ") + options_text(record);
    return text;
}

} // namespace

ListRow list_row(std::uint32_t number) {
    auto facts = abi::read_attributes(number);
    auto records = serving_records(number, facts.diskseq);
    return {number, std::move(facts), announcements_of(number), std::move(records)};
}

const std::vector<Column<ListRow>>& list_columns() {
    static const std::vector<Column<ListRow>> columns = {
        text_column<abi::disk_name>("DEVICE", "device"),
        {"NUMBER", "number", Align::right,
         [](JsonWriter& json, const ListRow& row) { json.value(row.number); },
         [](const ListRow& row, bool) { return std::to_string(row.number); }},
        {"NAME", "name", Align::cut, write_fact<&Facts::name>,
         [](const ListRow& row, bool) { return row.facts.name; }},
        {"SIZE", "size", Align::right, write_fact<&Facts::size>,
         [](const ListRow& row, bool bytes) {
             return bytes ? std::to_string(row.facts.size) : format_size(row.facts.size);
         }},
        {"RO", "ro", Align::right, write_fact<&Facts::read_only>,
         [](const ListRow& row, bool) { return std::string(row.facts.read_only ? "1" : "0"); }},
        {"CLASS", "store_class", Align::left, write_fact<&Facts::store_class>,
         [](const ListRow& row, bool) { return row.facts.store_class; }},
        {"STATE", "state", Align::left,
         [](JsonWriter& json, const ListRow& row) { json.value(service_of(row).state()); },
         [](const ListRow& row, bool) { return service_of(row).state(); }},
        {"SERVERS", "servers", Align::right, write_fact<&Facts::servers>,
         [](const ListRow& row, bool) {
             return row.facts.servers ? std::to_string(*row.facts.servers) : "";
         }},
        time_column<&Facts::unserved>("UNSERVED", "unserved_ns"),
        count_column<&Facts::queued>("QUEUED", "queued"),
        count_column<&Facts::taken>("TAKEN", "taken"),
        count_column<&Facts::orphaned>("ORPHANED", "orphaned"),
        time_column<&Facts::oldest_queued>("WAITING", "oldest_queued_ns"),
        time_column<&Facts::oldest_taken>("HELD", "oldest_taken_ns"),
        count_column<&Facts::completed>("COMPLETED", "completed"),
        count_column<&Facts::errors>("ERRORS", "errors"),
        count_column<&Facts::resets>("RESETS", "resets"),
        count_column<&Facts::stale>("STALE", "stale"),
        {"SUPERVISORS", "supervisors", Align::cut,
         [](JsonWriter& json, const ListRow& row) { json.value(pids_of(row.supervisors)); },
         pids_text},
        {"STORE", "stores", Align::cut,
         [](JsonWriter& json, const ListRow& row) { json.value(stores_of(row.records)); },
         [](const ListRow& row, bool) { return stores_text(row.records); }},
        {"OPTIONS", "serving", Align::cut,
         [](JsonWriter& json, const ListRow& row) { write(json, row.records); }, all_options_text},
        count_column<&Facts::diskseq>("DISKSEQ", "diskseq"),
        text_column<abi::block_path>("PATH", "path"),
        text_column<abi::control_path>("CONTROL", "control"),
    };
    return columns;
}

} // namespace userblk::ctl
