// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/data_path.hpp"
#include "bench/ublk/ring.hpp"

#include <cstdint>

namespace userblk::bench::ublk {

/// When the kernel runs completions for a thread.
enum class TaskRun {
    cooperative, ///< at any transition to the kernel
    deferred     ///< when the thread asks for results
};

/// The requests of one hardware queue. Only for the thread that creates it; nothing allocates after
/// construction.
class Queue {
public:
    /// The device and the target must outlive it. Carries out at most @p batch requests before it
    /// sends their answers.
    /// @throws std::system_error
    Queue(const Device& device, const Target& target, DataMode mode, TaskRun task_run,
          unsigned number, unsigned batch);

    /// Fetches requests for all tags; the device's start waits for this.
    /// @throws std::system_error
    void fetch();

    /// Serves until the device is stopped.
    /// @throws std::system_error
    void serve();

private:
    void take(unsigned tag, int result);
    void send(unsigned operation, unsigned tag, std::int32_t result,
              std::uint64_t address) noexcept;

    unsigned number_;
    unsigned depth_;
    unsigned batch_;
    unsigned live_ = 0; ///< tags that can still deliver a request
    Mapping mapping_;
    const ublksrv_io_desc* requests_;
    DataPath data_;
    Ring ring_;
};

} // namespace userblk::bench::ublk
