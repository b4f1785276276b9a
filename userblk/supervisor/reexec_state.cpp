// SPDX-License-Identifier: MIT
#include "userblk/supervisor/reexec_state.hpp"

#include "ioctl/error.hpp"
#include "userblk/inspect/node_users.hpp"
#include "userblk/store/file_io.hpp"
#include "userblk/text/line_encoding.hpp"

#include <charconv>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <sstream>
#include <unistd.h>

namespace userblk {

namespace {
constexpr const char* variable = inspect::handover_variable;
constexpr const char* reload_variable = "USERBLK_HANDOVER_RELOAD";
constexpr const char* version = "1";

// Anybody could have set the variable, so the descriptor is checked.
int valid_store(const ReloadState& reload) noexcept {
    try {
        if (reload.store >= 0 && ::fcntl(reload.store, F_SETFD, FD_CLOEXEC) == 0 &&
            file_identity(reload.store) == reload.identity)
            return reload.store;
    } catch (const std::exception&) {
        // It cannot be identified.
    }
    return -1;
}

} // namespace

// Lines, "NAME=VALUE". The names are those of earlier builds.
std::string ReloadState::to_text() const {
    std::ostringstream text;
    text << "client=" << client << "\nidentity=" << encode_line(identity) << "\nstore=" << store
         << "\nanew=" << opens_store << "\ngone_back=" << reverted
         << "\nfailure=" << encode_line(failure) << "\n";
    for (const auto& argument : previous)
        text << "previous=" << encode_line(argument) << "\n";
    return text.str();
}

ReloadState ReloadState::from_text(const std::string& text) {
    ReloadState result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto equals = line.find('=');
        if (equals == std::string::npos)
            continue;
        const auto name = line.substr(0, equals);
        const auto value = decode_line(std::string_view(line).substr(equals + 1));
        if (name == "client")
            std::from_chars(value.data(), value.data() + value.size(), result.client);
        else if (name == "identity")
            result.identity = value;
        else if (name == "store")
            std::from_chars(value.data(), value.data() + value.size(), result.store);
        else if (name == "anew")
            result.opens_store = value == "1";
        else if (name == "gone_back")
            result.reverted = value == "1";
        else if (name == "failure")
            result.failure = value;
        else if (name == "previous")
            result.previous.push_back(value);
    }
    return result;
}

// "1 NUMBER COUNT PID... COUNT PID... NOTE": the note is the rest after one space.
std::string ReexecState::to_text() const {
    std::ostringstream text;
    text << version << ' ' << number;
    for (const auto* pids : {&workers, &draining}) {
        text << ' ' << pids->size();
        for (const auto pid : *pids)
            text << ' ' << pid;
    }
    text << ' ' << note;
    return text.str();
}

std::optional<ReexecState> ReexecState::from_text(const std::string& text) {
    constexpr std::size_t most = 100'000;
    std::istringstream in(text);
    std::string found_version;
    ReexecState result;
    in >> found_version >> result.number;
    if (found_version != version)
        return std::nullopt;
    for (auto* pids : {&result.workers, &result.draining}) {
        std::size_t count = 0;
        in >> count;
        if (!in || count > most)
            return std::nullopt;
        pids->resize(count);
        for (auto& pid : *pids)
            if (!(in >> pid) || pid <= 0) // would mean a process group
                return std::nullopt;
    }
    if (!in)
        return std::nullopt;
    in.get(); // the space
    std::getline(in, result.note, '\0');
    return result;
}

std::optional<ReexecState> ReexecState::received() {
    const char* const text = std::getenv(variable);
    auto state = text != nullptr ? from_text(text) : std::nullopt;
    if (const char* const reload = std::getenv(reload_variable); state && reload != nullptr)
        state->reload = ReloadState::from_text(reload);
    if (state)
        state->reload.store = valid_store(state->reload);
    return state;
}

void ReexecState::forget() noexcept {
    ::unsetenv(variable);
    ::unsetenv(reload_variable);
}

std::error_code execute(const std::vector<std::string>& program, const ReexecState& state) {
    std::vector<char*> arguments;
    for (const auto& argument : program)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const int store = state.reload.store;
    if (store >= 0)
        ::fcntl(store, F_SETFD, 0);
    if (::setenv(variable, state.to_text().c_str(), 1) == 0 &&
        ::setenv(reload_variable, state.reload.to_text().c_str(), 1) == 0)
        ::execv(program.front().c_str(), arguments.data());
    const auto error = abi::last_error();
    if (store >= 0)
        ::fcntl(store, F_SETFD, FD_CLOEXEC);
    ReexecState::forget();
    return error;
}

} // namespace userblk
