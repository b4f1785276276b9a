// SPDX-License-Identifier: MIT
#include "userblk/worker_thread.hpp"

#include "ioctl/error.hpp"
#include "ioctl/lookup.hpp"
#include "userblk/affinity.hpp"
#include "userblk/held_text.hpp"
#include "userblk/status.hpp"
#include "userblk/units.hpp"

#include <cstring>
#include <poll.h>
#include <thread>
#include <unistd.h>

namespace userblk {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Without a request for so long, a thread gives its memory back, unless it is so
/// little that the timer would cost more than it.
constexpr std::chrono::nanoseconds idle_time = 1s;
constexpr std::size_t kept_when_idle = 256 << 10;

/// In a batch that is not timed the clock is looked at after so many requests.
constexpr unsigned clock_interval = 8;

/// Of the same clock, cheap, and behind by up to some milliseconds.
Clock::time_point coarse_now() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return Clock::time_point(std::chrono::seconds(time.tv_sec) +
                             std::chrono::nanoseconds(time.tv_nsec));
}

std::uint64_t address_of(const void* pointer) noexcept {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

/// The request is no longer this process's business.
bool is_gone(std::error_code error) noexcept {
    return error == abi::errno_code(ESTALE) || error == std::errc::no_such_device;
}

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

/// Of one that this library knows.
Operation operation_of(const userblk_request& request) noexcept {
    const auto flags = zero_flags(request);
    return {static_cast<Operation::Kind>(request.op), request.offset, request.length, flags.fua,
            flags.keep_allocated};
}

} // namespace

WorkerThread::WorkerThread(Serving& serving, unsigned index)
    : serving_(serving), index_(index), backend_(*serving.backend),
      maps_stores_(!backend_.mapping(0, USERBLK_MIN_BLOCK_SIZE, Backend::Access::store).empty()),
      wants_data_(backend_.wants_data()), redirects_(serving.redirect && backend_.redirects()),
      backend_fua_(backend_.describe().fua), arena_(serving.max_transfer, serving.options.batch),
      batch_(serving.options.batch), answers_(serving.options.batch),
      refused_(serving.options.batch) {
    prepare_records();
}

// Where the payloads of writes go never changes.
void WorkerThread::prepare_records() {
    for (auto& records : records_) {
        records.resize(serving_.options.batch);
        for (unsigned i = 0; i < records.size() && wants_data_ && !maps_stores_ && !redirects_;
             ++i) {
            const auto room = arena_.room(i);
            records[i].addr = address_of(room.data());
            records[i].room = static_cast<std::uint32_t>(room.size());
        }
    }
    requests_ = records_[0].data();
}

// Not to be pinned costs time only.
void WorkerThread::pin() noexcept {
    const auto number = serving_.node.number();
    queue_ = (serving_.place * serving_.options.threads + index_) % serving_.queues;
    try {
        const auto processors = processors_of_queue(number, queue_);
        const auto error = processors.empty() ? std::make_error_code(std::errc::no_such_device)
                                              : run_on(processors);
        if (error)
            serving_.log(LogLevel::warning, "unable to keep to the processors of hardware queue " +
                                                std::to_string(queue_) + ": " + error.message());
    } catch (...) {
    }
}

// Before it looks for the first time whether it is to stop. Without a timer it waits in
// poll, which only takes longer.
bool WorkerThread::can_be_stopped() {
    const auto error = serving_.breakers[index_].attach();
    if (error)
        serving_.log(LogLevel::warning,
                     "waiting for requests in poll, without a timer: " + error.message());
    return !error;
}

inline void WorkerThread::forget_answers() noexcept {
    answers_.clear();
    arena_.free_all();
}

// Whether it is worth to be back in time to give memory away.
inline WorkerThread::Waiting WorkerThread::patience() const noexcept {
    return arena_.touched() > kept_when_idle ? Waiting::briefly : Waiting::for_long;
}

void WorkerThread::run() {
    if (serving_.options.pin)
        pin();
    const bool in_poll = serving_.options.wait == WaitMode::poll || !can_be_stopped();
    while (going_on()) {
        const unsigned count = exchange(in_poll ? Waiting::not_at_all : patience());
        if (count > 0)
            carry_out(count);
        else if (in_poll && going_on())
            wait_in_poll();
    }
    put_pending();
}

void WorkerThread::add_counts(Worker::Counts& sum) const noexcept {
    const auto add = [](std::uint64_t& to, const Count& from) {
        to += from.value.load(std::memory_order_relaxed);
    };
    add(sum.requests, counters_.requests);
    add(sum.reads, counters_.by_operation[USERBLK_OP_READ]);
    add(sum.writes, counters_.by_operation[USERBLK_OP_WRITE]);
    add(sum.flushes, counters_.by_operation[USERBLK_OP_FLUSH]);
    add(sum.discards, counters_.by_operation[USERBLK_OP_DISCARD]);
    add(sum.write_zeroes, counters_.by_operation[USERBLK_OP_WRITE_ZEROES]);
    add(sum.bytes_read, counters_.bytes_read);
    add(sum.bytes_written, counters_.bytes_written);
    add(sum.errors, counters_.errors);
    add(sum.stale, counters_.stale);
    add(sum.resets, counters_.resets);
    add(sum.put_back, counters_.put_back);
}

// ------------------------------------------- the conversation with the kernel

// What an error of a whole call means. True: nothing more is to be done about it.
// False: try again.
bool WorkerThread::settled(std::error_code error) {
    if (!error)
        return true;
    if (error == std::errc::no_such_device) {
        serving_.removed = true;
        forget_answers();
        return true;
    }
    if (error == std::errc::interrupted)
        return false;
    if (error == std::errc::not_enough_memory ||
        error == std::errc::resource_unavailable_try_again) {
        std::this_thread::sleep_for(10ms);
        return false;
    }
    abi::throw_error("serve " + abi::disk_name(serving_.node.number()), error);
}

// Sends the answers that are pending and takes new requests; returns how many.
unsigned WorkerThread::exchange(Waiting waiting) {
    // Those that the pending answers are about stay where they are.
    auto* const requests = records_[requests_ == records_[0].data()].data();
    userblk_serve serve{};
    serve.put.answers = address_of(answers_.data());
    serve.put.answer_size = sizeof(userblk_answer);
    serve.put.count = answers_.size();
    serve.get.requests = address_of(requests);
    serve.get.request_size = sizeof(userblk_request);
    serve.get.count = batch_.get();
    serve.get.queue = queue_;
    serve.get.timeout_ns = waiting == Waiting::not_at_all ? 0
                           : waiting == Waiting::briefly  ? idle_time.count()
                                                          : -1;
    if (waiting != Waiting::not_at_all)
        serve.get.flags = USERBLK_GET_WATCH | (serving_.spin ? USERBLK_GET_SPIN : 0);
    const auto error = serving_.node.serve(serve);
    if (error) {
        if (error == std::errc::not_enough_memory)
            put_pending(); // it may have been the second half that failed
        settled(error);
        return 0;
    }
    requests_ = requests;
    if (serve.put.failed > 0)
        look_at_results();
    forget_answers();
    if ((serve.get.flags & USERBLK_GET_ORPHANS) != 0)
        heal();
    else if (serve.get.count == 0 && waiting == Waiting::briefly)
        fell_idle();
    return serve.get.count;
}

void WorkerThread::put_pending() {
    while (!answers_.empty()) {
        answers_.clear_results();
        userblk_put put{};
        put.answers = address_of(answers_.data());
        put.answer_size = sizeof(userblk_answer);
        put.count = answers_.size();
        const auto error = serving_.node.put(put);
        if (!settled(error))
            continue;
        if (!error && put.failed > 0)
            look_at_results();
        forget_answers();
    }
    arena_.free_all();
}

void WorkerThread::look_at_results() {
    // retry() sends answers of its own.
    std::swap(answers_, refused_);
    answers_.clear();
    for (std::uint32_t i = 0; i < refused_.size(); ++i) {
        if (refused_[i].result == -ESTALE)
            counters_.stale.add(); // somebody has put it back: not ours any more
        else if (refused_[i].result != 0)
            retry(refused_[i], refused_.request(i));
    }
    refused_.clear();
}

// An answer was refused and the request is still ours. When memory that the
// backend maps turned out not to be there, the backend's functions can tell why;
// for anything else the one who asked gets an error rather than no answer.
void WorkerThread::retry(const userblk_answer& refused, const userblk_request& request) {
    arena_.free_all();
    if (refused.action == USERBLK_ACTION_REDIRECT) {
        note_refusal(-refused.result);
        carry_out_here(request, 0);
    } else if (refused.result == -EFAULT && refused.action == USERBLK_ACTION_STORE) {
        write_fetched(request);
    } else if (refused.result == -EFAULT && refused.status == 0 && request.op == USERBLK_OP_READ) {
        read(request);
    } else {
        give_up(request, "the kernel refused its answer", abi::errno_code(-refused.result));
    }
    if (answers_.empty()) // settled on the way
        return;
    auto error = put_one(answers_.back());
    if (error && !is_gone(error)) {
        give_up(request, "the kernel refused its answer again", error);
        error = put_one(answers_.back());
    }
    if (error && !is_gone(error))
        serving_.log(LogLevel::error, "the kernel refused the answer to a request, which "
                                      "stays with this process: " +
                                          error.message());
    forget_answers();
}

std::error_code WorkerThread::put_one(userblk_answer& answer) noexcept {
    for (;;) {
        answer.result = 0;
        userblk_put put{};
        put.answers = address_of(&answer);
        put.answer_size = sizeof(answer);
        put.count = 1;
        const auto error = serving_.node.put(put);
        if (error == std::errc::interrupted)
            continue;
        if (error == std::errc::no_such_device)
            serving_.removed = true;
        if (answer.result == -ESTALE)
            counters_.stale.add();
        return error ? error : abi::errno_code(-answer.result);
    }
}

void WorkerThread::answer(const userblk_request& request, std::error_code error,
                          std::span<const std::byte> data) {
    auto& answer = answers_.append(request, USERBLK_ACTION_COMPLETE);
    if (!error) {
        answer.addr = address_of(data.data());
        answer.length = static_cast<std::uint32_t>(data.size());
    } else {
        answer.status = status_of(error);
        counters_.errors.add();
        tell_of_error(request, error);
    }
}

// Nothing that the backend has done wrong, as far as is known.
void WorkerThread::give_up(const userblk_request& request, const char* why,
                           std::error_code error) noexcept {
    answers_.append(request, USERBLK_ACTION_COMPLETE).status = -EIO;
    counters_.errors.add();
    tell(LogLevel::error, request,
         [&] { return std::string("failed, ") + why + ": " + error.message(); });
}

// What the backend cannot do at all it is asked once, or few times, by whoever tries.
void WorkerThread::tell_of_error(const userblk_request& request, std::error_code error) noexcept {
    const bool hint = request.op == USERBLK_OP_DISCARD || request.op == USERBLK_OP_WRITE_ZEROES;
    const bool unable = hint && error == std::errc::operation_not_supported;
    tell(unable ? LogLevel::notice : LogLevel::error, request,
         [&] { return "failed: " + (thrown_.empty() ? error_text(error) : thrown_); });
    thrown_.clear();
}

void WorkerThread::tell_of_wrong_size(const userblk_request& request, const char* what,
                                      std::uint64_t length) noexcept {
    tell(LogLevel::error, request, [&] {
        return "got " + counted(length, "byte") + " from the backend's " + what + ", in place of " +
               std::to_string(request.length) + "; that answer is not used";
    });
}

template <class What>
void WorkerThread::tell(LogLevel level, const userblk_request& request, What&& what) noexcept {
    const auto left_out = serving_.errors.admit(Clock::now());
    if (!left_out)
        return;
    try {
        auto text = abi::disk_name(serving_.node.number()) + ": " +
                    request_text(request.op, request.offset, request.length) + " " + what();
        if (!serving_.options.store.empty())
            text += " [" + serving_.options.store + "]";
        if (*left_out > 0)
            text += "; " + counted(*left_out, "error") + " before this one not logged";
        serving_.log(level, text);
    } catch (...) {
    }
}

void WorkerThread::fell_idle() noexcept {
    arena_.trim();
}

void WorkerThread::wait_in_poll() {
    pollfd entries[] = {{serving_.node.fd(), abi::node_poll_events(), 0},
                        {serving_.stop_event.get(), POLLIN, 0}};
    constexpr int briefly =
        std::chrono::duration_cast<std::chrono::milliseconds>(idle_time).count();
    const int ready = ::poll(entries, 2, patience() == Waiting::briefly ? briefly : -1);
    if (ready < 0 && errno != EINTR && errno != ENOMEM)
        abi::throw_errno("wait for requests");
    if (ready == 0)
        fell_idle();
    if (ready <= 0)
        return;
    const auto events = abi::node_events(entries[0].revents);
    if (events.removed)
        serving_.removed = true;
    else if (events.orphans)
        heal();
}

// Somebody died who held requests. Any number of workers may hear of it and do
// the same; it is put back once.
void WorkerThread::heal() {
    userblk_reset reset{};
    reset.which = USERBLK_RESET_DEAD;
    if (const auto error = serving_.node.reset(reset)) {
        settled(error);
        return;
    }
    if (reset.count == 0)
        return;
    counters_.resets.add();
    counters_.put_back.add(reset.count);
    serving_.log(LogLevel::notice,
                 "put back " + counted(reset.count, "request") + " of a process that died");
}

// ------------------------------------------------------------- carrying out

inline void WorkerThread::carry_out(unsigned count) {
    const bool timed = batch_.wants_time(count);
    if (count > 1 || timed)
        carry_out_timed(count, timed);
    else if (requests_[0].result == 0)
        dispatch(requests_[0], 0);
}

void WorkerThread::carry_out_timed(unsigned count, bool timed) {
    const auto now = timed ? Clock::now : coarse_now;
    const auto start = timed || count > clock_interval ? now() : Clock::time_point();
    auto sent = start;
    unsigned done = 0;
    for (unsigned i = 0; i < count; ++i) {
        // A record that was not filled stands for a request that is still queued.
        if (requests_[i].result == 0) {
            dispatch(requests_[i], i);
            ++done;
        }
        // Answers that are ready do not wait for the slow rest of the batch.
        if (i + 1 < count && (timed || (i + 1) % clock_interval == 0) &&
            now() - sent > BatchSize::target) {
            put_pending();
            sent = now();
        }
    }
    if (timed || sent != start)
        batch_.done(done, now() - start);
}

[[gnu::always_inline]] inline void WorkerThread::dispatch(const userblk_request& request,
                                                          unsigned record) {
    count(request);
    if (!redirects_ || !redirect(request))
        carry_out_here(request, record);
}

inline void WorkerThread::count(const userblk_request& request) noexcept {
    counters_.requests.add();
    if (request.op < operations)
        counters_.by_operation[request.op].add();
    if (request.op == USERBLK_OP_READ)
        counters_.bytes_read.add(request.length);
    else if (request.op == USERBLK_OP_WRITE)
        counters_.bytes_written.add(request.length);
}

inline void WorkerThread::carry_out_here(const userblk_request& request, unsigned record) {
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
    default: // of a later module
        answers_.append(request, USERBLK_ACTION_COMPLETE).status = -EOPNOTSUPP;
        counters_.errors.add();
        return;
    }
}

// Asks the store where the data lies. False: it is to be carried out here.
inline bool WorkerThread::redirect(const userblk_request& request) {
    if (request.op >= operations)
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
        tell_of_wrong_size(request, "redirect()", extents_.length());
        return false;
    }
    answer_redirected(request);
    return true;
}

inline void WorkerThread::answer_redirected(const userblk_request& request) {
    if (extents_[0].is_hole() && extents_.only_holes() &&
        (request.op != USERBLK_OP_READ || serving_.zeroes)) {
        auto& done = answers_.append(request, USERBLK_ACTION_COMPLETE);
        if (request.op == USERBLK_OP_READ) {
            done.flags = USERBLK_ANSWER_ZEROES;
            done.length = request.length;
        }
        return;
    }
    // Its memory is needed until the answer is sent; it may have to make room.
    std::span<std::byte> list;
    if (extents_.size() > 1 || extents_[0].is_hole()) {
        list = allocate(extents_.size() * sizeof(userblk_extent));
        for (std::size_t i = 0; i < extents_.size(); ++i) {
            const userblk_extent extent{extents_[i].offset, extents_[i].length, extents_[i].fd};
            std::memcpy(list.data() + i * sizeof(extent), &extent, sizeof(extent));
        }
    }
    auto& answer = answers_.append(request, USERBLK_ACTION_REDIRECT);
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

// What is refused once is likely to be refused again, but each is asked for anew:
// no state is kept about files.
void WorkerThread::note_refusal(int error) {
    if (error == ENOMEM || serving_.told_of_refusal.exchange(true))
        return;
    serving_.log(LogLevel::warning,
                 "the kernel refused to redirect a request (told once), which is carried "
                 "out by this process instead: " +
                     abi::errno_code(error).message());
}

// The data of a READ stays where it is until the answer is sent.
void WorkerThread::read(const userblk_request& request) {
    const auto data = allocate(request.length);
    const auto error = guarded([&] { return backend_.read(request.offset, data); });
    answer(request, error, data);
}

// The kernel takes the data from where they are, or needs none.
bool WorkerThread::read_without_copy(const userblk_request& request) {
    const auto mapped = backend_.mapping(request.offset, request.length, Backend::Access::load);
    if (!mapped.empty()) {
        if (mapped.size() >= request.length) {
            answer(request, {}, mapped.first(request.length));
            return true;
        }
        tell_of_wrong_size(request, "mapping()", mapped.size());
    }
    if (!serving_.zeroes || !backend_.reads_as_zeroes(request.offset, request.length))
        return false;
    auto& answer = answers_.append(request, USERBLK_ACTION_COMPLETE);
    answer.flags = USERBLK_ANSWER_ZEROES;
    answer.length = request.length;
    return true;
}

void WorkerThread::write(const userblk_request& request, unsigned record) {
    if (!wants_data_)
        return finish_write(request, arena_.room(0).first(request.length));
    if ((request.flags & USERBLK_REQ_NO_PAYLOAD) == 0) {
        arena_.filled(record, request.length);
        return finish_write(request, arena_.room(record).first(request.length));
    }
    if (!store_into_mapping(request))
        write_fetched(request);
}

// The kernel copies the payload to its place in the store. False: not this way.
bool WorkerThread::store_into_mapping(const userblk_request& request) {
    if (!maps_stores_)
        return false;
    auto mapped = backend_.mapping(request.offset, request.length, Backend::Access::store);
    if (mapped.empty())
        return false;
    if (mapped.size() < request.length) {
        tell_of_wrong_size(request, "mapping()", mapped.size());
        return false;
    }
    mapped = mapped.first(request.length);
    if (is_durable(request)) { // it must not be completed before the flush
        if (fetch(request, mapped).empty())
            return true;
        answer(request, guarded([&] { return backend_.flush(); }));
        return true;
    }
    auto& store = answers_.append(request, USERBLK_ACTION_STORE);
    store.addr = address_of(mapped.data());
    store.length = static_cast<std::uint32_t>(mapped.size());
    return true;
}

void WorkerThread::write_fetched(const userblk_request& request) {
    const auto data = fetch(request, allocate(request.length));
    if (!data.empty())
        finish_write(request, data);
}

// Has the payload of a WRITE copied to @p where. Empty: the request is settled.
std::span<std::byte> WorkerThread::fetch(const userblk_request& request,
                                         std::span<std::byte> where) {
    userblk_answer fetch{};
    fetch.id = request.id;
    fetch.action = USERBLK_ACTION_FETCH;
    fetch.addr = address_of(where.data());
    fetch.length = static_cast<std::uint32_t>(where.size());
    const auto error = put_one(fetch);
    if (!error)
        return where;
    if (!is_gone(error))
        give_up(request, "unable to fetch its data", error);
    return {};
}

void WorkerThread::finish_write(const userblk_request& request, std::span<const std::byte> data) {
    const bool durable = is_durable(request);
    answer(request, guarded([&] {
               const auto error = backend_.write(request.offset, data, {.fua = durable});
               return !error && durable && !backend_fua_ ? backend_.flush() : error;
           }));
}

std::span<std::byte> WorkerThread::allocate(std::size_t length) {
    auto memory = arena_.allocate(length);
    if (memory.empty()) { // it is full of answers that wait to be sent
        put_pending();
        memory = arena_.allocate(length);
    }
    return memory;
}

// What a backend throws ends here.
template <class Call>
std::error_code WorkerThread::guarded(Call&& call) noexcept {
    try {
        return call();
    } catch (const std::exception& exception) {
        return caught(exception.what());
    } catch (...) {
        return caught("of no type of the standard library");
    }
}

std::error_code WorkerThread::caught(const char* what) noexcept {
    try {
        thrown_ = std::string("exception: ") + what;
    } catch (...) {
    }
    return std::make_error_code(std::errc::io_error);
}

} // namespace userblk
