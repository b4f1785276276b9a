// SPDX-License-Identifier: MIT
#include "userblk/pool.hpp"

#include "userblk/supervisor/reexec_state.hpp"
#include "userblk/supervisor/supervisor.hpp"

#include <utility>

namespace userblk {

Pool::Pool(std::uint32_t number, BackendFactory factory, PoolOptions options)
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
    const auto handover = ReexecState::received();
    if (!handover)
        return std::nullopt;
    const auto& reload = handover->reload;
    return Continuation{handover->number, handover->note, reload.anew ? -1 : reload.store};
}

void Pool::check() {
    supervisor_->check();
}

void Pool::go_back(const std::string& why) noexcept {
    try {
        auto handover = ReexecState::received();
        if (!handover || handover->reload.previous.empty())
            return;
        const auto program = std::exchange(handover->reload.previous, {});
        handover->reload.gone_back = true;
        handover->reload.anew = false;
        handover->reload.failure = why;
        execute(program, *handover);
    } catch (...) {
        // Not enough memory.
    }
}

} // namespace userblk
