// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/batches.hpp"
#include "bench/ublk/data_path.hpp"
#include "bench/ublk/ring.hpp"

#include <climits>
#include <cstdint>
#include <optional>

namespace userblk::bench::ublk {

/// When the kernel runs completions for a thread.
enum class TaskRun {
    cooperative, ///< at any transition to the kernel
    deferred     ///< when the thread asks for results
};

struct QueueOptions {
    DataMode mode = DataMode::buffer;
    TaskRun task_run = TaskRun::deferred;
    unsigned batch = UINT_MAX; ///< requests that a thread carries out before it sends their answers
    bool batch_io = false;     ///< one command for many requests (UBLK_F_BATCH_IO)
    const Mapping* shared = nullptr; ///< memory shared with clients; must outlive the queue
};

/// The requests of one hardware queue, or a task's part of them. Only for the thread that creates
/// it; nothing allocates after construction.
class Queue {
public:
    /// The device and the target must outlive it. Part @p part of @p parts serves the tags
    /// part, part + parts, …
    /// @throws std::system_error
    Queue(const Device& device, const Target& target, const QueueOptions& options, unsigned number,
          unsigned part, unsigned parts);

    /// Fetches requests for all tags; the device's start waits for this.
    /// @throws std::system_error
    void fetch();

    /// Serves until the device is stopped.
    /// @throws std::system_error
    void serve();

private:
    unsigned take(const io_uring_cqe& result);
    unsigned take_batch(const io_uring_cqe& result);
    void take(unsigned tag, int result);
    void deliver(unsigned tag);
    bool start_io(unsigned tag, const ublksrv_io_desc& request) noexcept;
    void answer(unsigned tag, const DataPath::Answer& answer) noexcept;
    void send(unsigned operation, unsigned tag, std::int32_t result,
              std::uint64_t address) noexcept;
    [[noreturn]] void fail(int result) const;

    const Target& target_;
    unsigned number_;
    Tags tags_;
    QueueOptions options_;
    unsigned live_ = 0; ///< commands that can still deliver a request
    Mapping mapping_;
    const ublksrv_io_desc* requests_;
    DataPath data_;
    Ring ring_;
    std::optional<Batches> batches_;
};

} // namespace userblk::bench::ublk
