// SPDX-License-Identifier: MIT
#include "tests/system/support/delivery_audit.hpp"

#include <chrono>
#include <cstdlib>

#include <unistd.h>

namespace userblk::test {

// "   worker-123   [001] .....   4711: userblk_get: userblk0 id=0x100000003 write …"
struct DeliveryAudit::Line {
    explicit Line(const std::string& text) : text_(text) {
        const std::size_t at = text.find(": userblk_");
        if (at != std::string::npos)
            event = text.substr(at + 2, text.find(':', at + 2) - at - 2);
        const std::size_t cpu = text.find(" [");
        const std::size_t dash = text.rfind('-', cpu);
        if (cpu != std::string::npos && dash != std::string::npos)
            pid = std::atoi(text.c_str() + dash + 1);
    }
    std::uint64_t number(const std::string& key) const {
        const std::size_t at = text_.find(" " + key + "=");
        return at == std::string::npos ? 0
                                       : static_cast<std::uint64_t>(std::strtoull(
                                             text_.c_str() + at + key.size() + 2, nullptr, 0));
    }
    bool has(const std::string& word) const {
        return text_.find(" " + word + " ") != std::string::npos;
    }

    std::string event;
    int pid = 0;

private:
    const std::string& text_;
};

DeliveryAudit::DeliveryAudit()
    : tracing_({"userblk/userblk_get", "userblk/userblk_put", "userblk/userblk_put_back",
                "userblk/userblk_undo", "userblk/userblk_redirected", "userblk/userblk_reset"},
               // The order of events, over all processors.
               {{"trace_clock", "counter"}, {"buffer_size_kb", "12288"}}),
      pipe_(tracing_.pipe()), thread_([this] { follow(); }) {}

DeliveryAudit::~DeliveryAudit() {
    if (thread_.joinable())
        finish();
}

void DeliveryAudit::follow() {
    while (!stop_) {
        if (!read_some())
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    while (read_some())
        ;
}

bool DeliveryAudit::read_some() {
    char text[65536];
    const ssize_t n = read(pipe_.get(), text, sizeof(text));
    if (n <= 0)
        return false;
    rest_.append(text, static_cast<std::size_t>(n));
    std::size_t from = 0;
    for (std::size_t end; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1)
        note(rest_.substr(from, end - from));
    rest_.erase(0, from);
    return true;
}

void DeliveryAudit::note(const std::string& text) {
    const Line line(text);
    const std::uint64_t id = line.number("id");
    if (line.event == "userblk_get") {
        delivered(line);
    } else if (line.event == "userblk_put") {
        if (line.number("result"))
            return;
        if (line.has("complete") || line.has("store"))
            ended(id, End::answered);
        else if (line.has("give_back"))
            ended(id, End::given_back);
        else if (line.has("adopt"))
            adopted_++;
    } else if (line.event == "userblk_undo") {
        ended(id, End::returned);
    } else if (line.event == "userblk_redirected") {
        redirected_++;
        ended(id, End::answered);
    } else if (line.event == "userblk_put_back") {
        put_back_++;
        ended(id, End::returned);
    } else if (line.event == "userblk_reset" && line.number("count")) {
        healers_.insert(line.pid);
    }
}

void DeliveryAudit::delivered(const Line& line) {
    const std::uint64_t id = line.number("id");
    deliveries_++;
    redeliveries_ += line.number("deliveries") > 1;
    if (!ends_.emplace(id, End::none).second)
        complain("was delivered twice", id);
    const auto [place, first] = newest_.emplace(static_cast<std::uint32_t>(id), id);
    // An answer, or a give-back, is traced after it is done, and its slot may be in use again by
    // then: the trace of it must follow later.
    if (!first && ends_[place->second] == End::none)
        overtaken_.insert(place->second);
    place->second = id;
}

void DeliveryAudit::ended(std::uint64_t id, End how) {
    const auto at = ends_.find(id);
    if (at == ends_.end())
        return complain("ended without having been delivered", id);
    if (at->second != End::none)
        complain("ended twice", id);
    if (how == End::returned && overtaken_.count(id))
        complain("was put back after its slot had been delivered again", id);
    at->second = how;
    overtaken_.erase(id);
}

void DeliveryAudit::complain(const std::string& what, std::uint64_t id) {
    char text[40];
    std::snprintf(text, sizeof(text), "%#llx ", static_cast<unsigned long long>(id));
    complaints_.push_back(text + what);
}

std::vector<std::string> DeliveryAudit::finish() {
    tracing_.stop();
    stop_ = true;
    thread_.join();
    for (const auto& [id, end] : ends_)
        if (end == End::none)
            complain("was delivered and never ended", id);
    if (const std::uint64_t count = tracing_.lost())
        complaints_.push_back(std::to_string(count) + " events are missing");
    return complaints_;
}

} // namespace userblk::test
