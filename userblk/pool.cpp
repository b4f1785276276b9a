// SPDX-License-Identifier: MIT
#include "userblk/pool.hpp"

#include "userblk/supervisor/reexec_state.hpp"
#include "userblk/supervisor/supervisor.hpp"

#include <utility>

namespace userblk {

Pool::Pool(std::uint32_t number, StoreFactory factory, PoolOptions options)
    : supervisor_(std::make_unique<Supervisor>(number, std::move(factory), std::move(options))) {}

Pool::~Pool() = default;

PoolEnd Pool::run() {
    return supervisor_->run();
}

void Pool::request_stop() noexcept {
    supervisor_->request_stop();
}

void Pool::request_reload() noexcept {
    supervisor_->request_reload();
}

std::optional<Pool::Continuation> Pool::continuation() {
    const auto state = ReexecState::received();
    if (!state)
        return std::nullopt;
    const auto& reload = state->reload;
    return Continuation{state->number, state->note, reload.opens_store ? -1 : reload.store};
}

void Pool::check() {
    supervisor_->check();
}

void Pool::go_back(const std::string& why) noexcept {
    try {
        auto state = ReexecState::received();
        if (!state || state->reload.previous.empty())
            return;
        const auto program = std::exchange(state->reload.previous, {});
        state->reload.reverted = true;
        state->reload.opens_store = false;
        state->reload.failure = why;
        execute(program, *state);
    } catch (...) {
        // Not enough memory.
    }
}

} // namespace userblk
