// SPDX-License-Identifier: MIT
#include "userblk/supervisor/status_report.hpp"

#include "userblk/supervisor/service_manager.hpp"

#include <chrono>

namespace userblk {

StatusReport::StatusReport(std::uint32_t number, const PoolOptions& options)
    : number_(number), log_(options.log), notify_(options.notify), record_(options.record) {
    record_.workers = options.workers;
    record_.threads = options.worker.threads;
}

void StatusReport::log(LogLevel level, const std::string& text) const noexcept {
    write_log(log_, level, text);
}

void StatusReport::notify_manager(const std::string& state) const noexcept {
    if (notify_)
        notify_service_manager(state);
}

void StatusReport::publish(std::uint64_t diskseq) {
    record_.diskseq = diskseq;
    file_.emplace(number_);
    if (file_->error())
        log(LogLevel::notice,
            "unable to create " + file_->path() + ": " + file_->error().message() +
                "; userblkctl cannot find this supervisor; send it SIGHUP to reload");
    write();
}

std::optional<std::string> StatusReport::path() const {
    return file_ ? std::optional(file_->path()) : std::nullopt;
}

void StatusReport::write() noexcept {
    if (file_ && !file_->error())
        file_->write(record_);
}

void StatusReport::set(std::string& field, const std::string& value) noexcept {
    if (field == value)
        return;
    try {
        field = value;
        write();
    } catch (...) {
        // Not enough memory to report it.
    }
}

void StatusReport::set_error(const std::string& text) noexcept {
    if (text == record_.error)
        return;
    record_.error_time = std::chrono::duration_cast<std::chrono::seconds>(
                             std::chrono::system_clock::now().time_since_epoch())
                             .count();
    set(record_.error, text);
}

void StatusReport::set_identity(const std::string& identity) noexcept {
    set(record_.identity, identity);
}

void StatusReport::set_default_store(const std::string& store) noexcept {
    if (record_.store.empty())
        set(record_.store, store);
}

void StatusReport::set_store_state(const std::string& state) noexcept {
    set(record_.store_state, state);
}

} // namespace userblk
