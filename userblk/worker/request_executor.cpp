// SPDX-License-Identifier: MIT
#include "userblk/worker/request_executor.hpp"

#include "ioctl/error.hpp"
#include "userblk/worker/answer_status.hpp"

#include <cstring>
#include <exception>
#include <utility>

namespace userblk {

namespace {

bool is_durable(const userblk_request& request) noexcept {
    return (request.flags & USERBLK_REQ_FUA) != 0;
}

ZeroFlags zero_flags(const userblk_request& request) noexcept {
    return {is_durable(request), (request.flags & USERBLK_REQ_NOUNMAP) != 0};
}

constexpr bool is(Operation::Kind kind, std::uint16_t op) noexcept {
    return kind == static_cast<Operation::Kind>(op);
}
static_assert(is(Operation::Kind::read, USERBLK_OP_READ) &&
              is(Operation::Kind::write, USERBLK_OP_WRITE) &&
              is(Operation::Kind::flush, USERBLK_OP_FLUSH) &&
              is(Operation::Kind::discard, USERBLK_OP_DISCARD) &&
              is(Operation::Kind::write_zeroes, USERBLK_OP_WRITE_ZEROES));

/// For an operation that this library knows.
Operation operation_of(const userblk_request& request) noexcept {
    const auto flags = zero_flags(request);
    return {static_cast<Operation::Kind>(request.op), request.offset, request.length, flags.fua,
            flags.keep_allocated};
}

} // namespace

RequestExecutor::RequestExecutor(WorkerState& state, PayloadBuffers& buffers,
                                 ThreadCounters& counters)
    : state_(state), backend_(*state.backend), buffers_(buffers), counters_(counters), log_(state),
      maps_stores_(!backend_.mapping(0, USERBLK_MIN_BLOCK_SIZE, Backend::Access::store).empty()),
      wants_data_(backend_.wants_data()), redirects_(state.redirect && backend_.redirects()),
      backend_fua_(backend_.describe().fua),
      kernel_(state, buffers, counters, wants_data_ && !maps_stores_ && !redirects_) {
    kernel_.on_refused_answer([this](const auto& refused, const auto& request) {
        return answer_again(refused, request);
    });
}

void RequestExecutor::execute(const userblk_request& request, unsigned record) {
    counters_.count(request);
    if (!redirects_ || !redirect(request))
        execute_here(request, record);
}

inline void RequestExecutor::execute_here(const userblk_request& request, unsigned record) {
    switch (request.op) {
    case USERBLK_OP_READ:
        if (!read_without_copy(request))
            read(request);
        return;
    case USERBLK_OP_WRITE:
        return write(request, record);
    case USERBLK_OP_FLUSH:
        return answer(request, guarded([&] { return backend_.flush(); }));
    case USERBLK_OP_DISCARD:
        return answer(request,
                      guarded([&] { return backend_.discard(request.offset, request.length); }));
    case USERBLK_OP_WRITE_ZEROES:
        return answer(request, guarded([&] {
                          return backend_.write_zeroes(request.offset, request.length,
                                                       zero_flags(request));
                      }));
    default: // a later module's
        kernel_.append(request, USERBLK_ACTION_COMPLETE).status = -EOPNOTSUPP;
        counters_.errors.add();
        return;
    }
}

// --------------------------------------------------------------------- reads

// The data stays in place until the answer is sent.
void RequestExecutor::read(const userblk_request& request) {
    const auto data = kernel_.allocate(request.length);
    const auto error = guarded([&] { return backend_.read(request.offset, data); });
    answer(request, error, data);
}

// The kernel copies the data from the store, or needs none.
bool RequestExecutor::read_without_copy(const userblk_request& request) {
    const auto mapped = backend_.mapping(request.offset, request.length, Backend::Access::load);
    if (!mapped.empty()) {
        if (mapped.size() >= request.length) {
            answer(request, {}, mapped.first(request.length));
            return true;
        }
        log_.wrong_length(request, "mapping()", mapped.size());
    }
    if (!state_.zeroes || !backend_.reads_as_zeroes(request.offset, request.length))
        return false;
    auto& answer = kernel_.append(request, USERBLK_ACTION_COMPLETE);
    answer.flags = USERBLK_ANSWER_ZEROES;
    answer.length = request.length;
    return true;
}

// -------------------------------------------------------------------- writes

void RequestExecutor::write(const userblk_request& request, unsigned record) {
    if (!wants_data_)
        return finish_write(request, buffers_.buffer(0).first(request.length));
    if ((request.flags & USERBLK_REQ_NO_PAYLOAD) == 0) {
        buffers_.filled(record, request.length);
        return finish_write(request, buffers_.buffer(record).first(request.length));
    }
    if (!store_into_mapping(request))
        write_fetched(request);
}

// The kernel copies the payload into the store. False: not possible this way.
bool RequestExecutor::store_into_mapping(const userblk_request& request) {
    if (!maps_stores_)
        return false;
    auto mapped = backend_.mapping(request.offset, request.length, Backend::Access::store);
    if (mapped.empty())
        return false;
    if (mapped.size() < request.length) {
        log_.wrong_length(request, "mapping()", mapped.size());
        return false;
    }
    mapped = mapped.first(request.length);
    if (is_durable(request)) { // must not complete before the flush
        if (kernel_.fetch(request, mapped).empty())
            return true;
        answer(request, guarded([&] { return backend_.flush(); }));
        return true;
    }
    auto& store = kernel_.append(request, USERBLK_ACTION_STORE);
    store.addr = address_of(mapped.data());
    store.length = static_cast<std::uint32_t>(mapped.size());
    return true;
}

void RequestExecutor::write_fetched(const userblk_request& request) {
    const auto data = kernel_.fetch(request, kernel_.allocate(request.length));
    if (!data.empty())
        finish_write(request, data);
}

void RequestExecutor::finish_write(const userblk_request& request,
                                   std::span<const std::byte> data) {
    const bool durable = is_durable(request);
    answer(request, guarded([&] {
               const auto error = backend_.write(request.offset, data, {.fua = durable});
               return !error && durable && !backend_fua_ ? backend_.flush() : error;
           }));
}

// --------------------------------------------------------------- redirection

// Asks the backend where the data lies. False: execute the request here.
inline bool RequestExecutor::redirect(const userblk_request& request) {
    if (request.op >= ThreadCounters::operations)
        return false;
    extents_.clear();
    const auto error = guarded([&] { return backend_.redirect(operation_of(request), extents_); });
    if (error) {
        answer(request, error);
        return true;
    }
    if (extents_.empty())
        return false;
    if (extents_.length() != request.length) {
        log_.wrong_length(request, "redirect()", extents_.length());
        return false;
    }
    answer_redirected(request);
    return true;
}

inline void RequestExecutor::answer_redirected(const userblk_request& request) {
    if (extents_[0].is_hole() && extents_.only_holes() &&
        (request.op != USERBLK_OP_READ || state_.zeroes)) {
        auto& done = kernel_.append(request, USERBLK_ACTION_COMPLETE);
        if (request.op == USERBLK_OP_READ) {
            done.flags = USERBLK_ANSWER_ZEROES;
            done.length = request.length;
        }
        return;
    }
    std::span<std::byte> list;
    if (extents_.size() > 1 || extents_[0].is_hole())
        list = extent_list(); // before append(): this may send pending answers
    auto& answer = kernel_.append(request, USERBLK_ACTION_REDIRECT);
    if (list.empty()) {
        answer.offset = extents_[0].offset;
        answer.length = extents_[0].length;
        answer.fd = extents_[0].fd;
    } else {
        answer.flags = USERBLK_ANSWER_EXTENTS;
        answer.addr = address_of(list.data());
        answer.length = static_cast<std::uint32_t>(extents_.size());
    }
}

// The extents as the kernel reads them, until the answer is sent.
std::span<std::byte> RequestExecutor::extent_list() {
    const auto list = kernel_.allocate(extents_.size() * sizeof(userblk_extent));
    for (std::size_t i = 0; i < extents_.size(); ++i) {
        const userblk_extent extent{extents_[i].offset, extents_[i].length, extents_[i].fd};
        std::memcpy(list.data() + i * sizeof(extent), &extent, sizeof(extent));
    }
    return list;
}

// ------------------------------------------------------------------- answers

void RequestExecutor::answer(const userblk_request& request, std::error_code error,
                             std::span<const std::byte> data) {
    if (error)
        return answer_error(request, error);
    auto& answer = kernel_.append(request, USERBLK_ACTION_COMPLETE);
    answer.addr = address_of(data.data());
    answer.length = static_cast<std::uint32_t>(data.size());
}

void RequestExecutor::answer_error(const userblk_request& request, std::error_code error) noexcept {
    kernel_.append(request, USERBLK_ACTION_COMPLETE).status = answer_status(error);
    counters_.errors.add();
    log_.backend_failed(request, error, thrown_);
    thrown_.clear();
}

// If mapped memory turned out not to be accessible, the backend's functions report why.
bool RequestExecutor::answer_again(const userblk_answer& refused, const userblk_request& request) {
    if (refused.action == USERBLK_ACTION_REDIRECT) {
        note_refusal(-refused.result);
        execute_here(request, 0);
    } else if (refused.result == -EFAULT && refused.action == USERBLK_ACTION_STORE) {
        write_fetched(request);
    } else if (refused.result == -EFAULT && refused.status == 0 && request.op == USERBLK_OP_READ) {
        read(request);
    } else {
        return false;
    }
    return true;
}

// A file refused once is likely to be refused again, but each request retries, because the
// executor keeps no state about files.
void RequestExecutor::note_refusal(int error) {
    if (error == ENOMEM || state_.refusal_logged.exchange(true))
        return;
    state_.log(LogLevel::warning,
               "the kernel refused to redirect a request (logged once); this process carries "
               "it out instead: " +
                   abi::errno_code(error).message());
}

// Catches the backend's exceptions.
template <class Call>
std::error_code RequestExecutor::guarded(Call&& call) noexcept {
    try {
        return call();
    } catch (const std::exception& exception) {
        return caught(exception.what());
    } catch (...) {
        return caught("of no type of the standard library");
    }
}

std::error_code RequestExecutor::caught(const char* what) noexcept {
    try {
        thrown_ = std::string("exception: ") + what;
    } catch (...) {
    }
    return std::make_error_code(std::errc::io_error);
}

} // namespace userblk
