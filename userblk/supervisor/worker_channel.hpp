// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace userblk {

// Internal: the messages between a supervisor and a worker process, over a SOCK_SEQPACKET socket.
// The two may be of different builds: a reload adopts the workers of the program before.

/// First byte of a message from the worker.
enum WorkerMessageKind : char {
    message_ready = 'R',           ///< then the store's identity and names, NUL in between
    message_failed = 'F',          ///< then the reason: it cannot start
    message_ended = 'E',           ///< then its exit status
    message_sigterm_received = 'A' ///< a process other than the supervisor sent SIGTERM
};

/// First byte of the message to the worker: it may serve.
inline constexpr char message_go = 'G';

/// A supervisor of an earlier build sends the first byte alone.
struct GoMessage {
    char kind = message_go;
    std::uint32_t place = 0;
};

inline constexpr std::size_t longest_worker_message = 2048;

} // namespace userblk
