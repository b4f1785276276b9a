// SPDX-License-Identifier: MIT
#pragma once

#include "bench/ublk/data_path.hpp"
#include "bench/ublk/ring.hpp"

#include <cstdint>

namespace userblk::bench::ublk {

/// When the kernel hands a thread what has come for it.
enum class TaskRun {
    cooperative, ///< at any transition to the kernel
    deferred     ///< when the thread asks for results
};

/// The requests of one hardware queue. For the thread that makes it, and nothing in it
/// allocates once it is made.
class Queue {
public:
    /// Needs a device and a target that live longer. Carries out @p batch requests at
    /// most before it sends their answers.
    /// @throws std::system_error
    Queue(const Device& device, const Target& target, DataMode mode, TaskRun task_run,
          unsigned number, unsigned batch);

    /// Says for all tags that requests are welcome, which the device's start waits for.
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
    unsigned live_ = 0; ///< tags that can still bring a request
    Mapping mapping_;
    const ublksrv_io_desc* requests_;
    DataPath data_;
    Ring ring_;
};

} // namespace userblk::bench::ublk
