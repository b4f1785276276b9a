// SPDX-License-Identifier: MIT
#include "userblk/supervisor_record.hpp"

#include "ioctl/file_descriptor.hpp"
#include "userblk/supervisor/supervisor_file.hpp"
#include "userblk/text/line_encoding.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <sstream>
#include <string_view>
#include <unistd.h>

namespace userblk {

namespace {

constexpr std::size_t longest_file = 1 << 20;

template <class Number>
void take_number(Number& number, const std::string& text) {
    std::from_chars(text.data(), text.data() + text.size(), number);
}

std::string read_file(const std::string& path) {
    const abi::FileDescriptor fd(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    std::string text;
    std::array<char, 4096> buffer;
    while (fd && text.size() < longest_file) {
        const auto length = ::read(fd.get(), buffer.data(), buffer.size());
        if (length <= 0)
            break;
        text.append(buffer.data(), static_cast<std::size_t>(length));
    }
    return text;
}

} // namespace

std::string SupervisorRecord::to_text() const {
    std::ostringstream text;
    text << "diskseq=" << diskseq << "\nstore=" << encode_line(store)
         << "\nidentity=" << encode_line(identity) << "\nworkers=" << workers
         << "\nthreads=" << threads << "\n";
    if (!store_state.empty())
        text << "store_state=" << encode_line(store_state) << "\n";
    if (!error.empty())
        text << "error=" << encode_line(error) << "\nerror_time=" << error_time << "\n";
    for (const auto& option : options)
        text << "option=" << encode_line(option) << "\n";
    return text.str();
}

SupervisorRecord SupervisorRecord::from_text(const std::string& text) {
    SupervisorRecord record;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = std::min(line.find('='), line.size());
        const auto name = line.substr(0, equals);
        const auto value =
            decode_line(std::string_view(line).substr(std::min(equals + 1, line.size())));
        if (name == "diskseq")
            take_number(record.diskseq, value);
        else if (name == "store")
            record.store = value;
        else if (name == "identity")
            record.identity = value;
        else if (name == "workers")
            take_number(record.workers, value);
        else if (name == "threads")
            take_number(record.threads, value);
        else if (name == "store_state")
            record.store_state = value;
        else if (name == "error")
            record.error = value;
        else if (name == "error_time")
            take_number(record.error_time, value);
        else if (name == "option")
            record.options.push_back(value);
    }
    return record;
}

void SupervisorFile::write(const SupervisorRecord& record) noexcept {
    try {
        const auto text = record.to_text();
        if (fd_ && ::pwrite(fd_.get(), text.data(), text.size(), 0) >= 0) [[maybe_unused]]
            const int cut = ::ftruncate(fd_.get(), static_cast<off_t>(text.size()));
    } catch (...) {
        // Not enough memory to report it.
    }
}

// Skip our own file: closing it after opening it would drop the lock.
std::vector<SupervisorRecord> supervisor_records(std::uint32_t number) {
    std::vector<SupervisorRecord> records;
    for (const auto& [pid, path] : announcements_of(number)) {
        if (pid == ::getpid())
            continue;
        records.push_back(SupervisorRecord::from_text(read_file(path)));
        records.back().pid = pid;
    }
    return records;
}

} // namespace userblk
