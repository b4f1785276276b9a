// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/arena.hpp"
#include "userblk/backend.hpp"
#include "userblk/batch_size.hpp"
#include "userblk/pending_answers.hpp"
#include "userblk/serving.hpp"
#include "userblk/worker.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace userblk {

/// Internal: one thread's loop. It answers a batch and takes the next in one
/// call; waits when there is none; and puts back what the dead have left.
///
/// Everything taken is answered before the loop waits or ends, so there is
/// nothing to be drained but the batch in hand.
class WorkerThread {
public:
    /// @p index among the threads of this worker.
    WorkerThread(Serving& serving, unsigned index);

    /// Until the worker is stopped or the device removed.
    void run();

    void add_counts(Worker::Counts& sum) const noexcept;
    /// See Worker::populate().
    std::error_code populate() noexcept { return arena_.populate(); }

private:
    enum class Waiting { not_at_all, briefly, for_long };

    bool going_on() const noexcept { return !serving_.stopping && !serving_.removed; }

    // The conversation with the kernel.
    unsigned exchange(Waiting waiting);
    void put_pending();
    void look_at_results();
    void retry(const userblk_answer& refused, const userblk_request& request);
    std::error_code put_one(userblk_answer& answer) noexcept;
    void answer(const userblk_request& request, std::error_code error,
                std::span<const std::byte> data = {});
    [[gnu::cold]] void give_up(const userblk_request& request, const char* why,
                               std::error_code error) noexcept;
    [[gnu::cold]] void tell_of_error(const userblk_request& request,
                                     std::error_code error) noexcept;
    [[gnu::cold]] void tell_of_wrong_size(const userblk_request& request, const char* what,
                                          std::uint64_t length) noexcept;
    /// @p what returns the text that follows the request's; not called where there was too much.
    template <class What>
    [[gnu::cold]] void tell(LogLevel level, const userblk_request& request, What&& what) noexcept;
    void forget_answers() noexcept;
    bool settled(std::error_code error);
    void prepare_records();
    void pin() noexcept;
    bool can_be_stopped();
    Waiting patience() const noexcept;
    void fell_idle() noexcept;
    void wait_in_poll();
    void heal();

    // Carrying out.
    void carry_out(unsigned count);
    void carry_out_timed(unsigned count, bool timed);
    void dispatch(const userblk_request& request, unsigned record);
    void count(const userblk_request& request) noexcept;
    void carry_out_here(const userblk_request& request, unsigned record);
    bool redirect(const userblk_request& request);
    void answer_redirected(const userblk_request& request);
    void note_refusal(int error);
    void read(const userblk_request& request);
    bool read_without_copy(const userblk_request& request);
    void write(const userblk_request& request, unsigned record);
    bool store_into_mapping(const userblk_request& request);
    void write_fetched(const userblk_request& request);
    std::span<std::byte> fetch(const userblk_request& request, std::span<std::byte> where);
    std::span<std::byte> allocate(std::size_t length);
    void finish_write(const userblk_request& request, std::span<const std::byte> data);
    template <class Call>
    std::error_code guarded(Call&& call) noexcept;
    std::error_code caught(const char* what) noexcept;

    /// Those that are known here; a later module may have more.
    static constexpr std::size_t operations = USERBLK_OP_WRITE_ZEROES + 1;

    struct Count {
        // Written by one thread, read by others.
        void add(std::uint64_t n = 1) noexcept {
            value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
        }
        std::atomic<std::uint64_t> value = 0;
    };
    struct Counters {
        Count requests;
        std::array<Count, operations> by_operation; ///< by USERBLK_OP_*
        Count bytes_read, bytes_written, errors, stale, resets, put_back;
    };

    Serving& serving_;
    unsigned index_;
    std::uint32_t queue_ = USERBLK_ANY_QUEUE; ///< to look at first
    Backend& backend_;
    bool maps_stores_ = false; ///< payloads are fetched straight into the store
    bool wants_data_ = true;
    bool redirects_ = false;
    Extents extents_; ///< of the operation in hand
    bool backend_fua_ = false;
    Arena arena_;
    BatchSize batch_;
    // What is answered stays readable while the next batch comes in.
    std::array<std::vector<userblk_request>, 2> records_;
    userblk_request* requests_ = nullptr; ///< one of them: the batch in hand
    PendingAnswers answers_;
    PendingAnswers refused_; ///< those of the last call of which some failed
    Counters counters_;
    std::string thrown_; ///< by the backend, for the request in hand
};

} // namespace userblk
