// SPDX-License-Identifier: MIT
#include "bench/ublk/queue.hpp"

namespace userblk::bench::ublk {

namespace {

unsigned ring_flags(TaskRun task_run) noexcept {
    return IORING_SETUP_SINGLE_ISSUER |
           (task_run == TaskRun::deferred ? IORING_SETUP_DEFER_TASKRUN : IORING_SETUP_COOP_TASKRUN);
}

} // namespace

Queue::Queue(const Device& device, const Target& target, DataMode mode, TaskRun task_run,
             unsigned number, unsigned batch)
    : number_(number), depth_(device.depth()), batch_(batch), mapping_(device.map_requests(number)),
      requests_(reinterpret_cast<const ublksrv_io_desc*>(mapping_.data())),
      data_(mode, device, target, number), ring_(depth_, ring_flags(task_run), device.fd()) {}

void Queue::send(unsigned operation, unsigned tag, std::int32_t result,
                 std::uint64_t address) noexcept {
    ublksrv_io_cmd command{};
    command.q_id = static_cast<std::uint16_t>(number_);
    command.tag = static_cast<std::uint16_t>(tag);
    command.result = result;
    command.addr = address;
    ring_.prepare(operation, command, tag);
}

void Queue::fetch() {
    for (unsigned tag = 0; tag < depth_; ++tag)
        send(UBLK_U_IO_FETCH_REQ, tag, 0, data_.first_address(tag));
    ring_.submit(0);
    // Before the disk exists, only a refusal can come back.
    ring_.for_each_result([&](std::uint64_t, int result) {
        throw_error("fetch the requests of queue " + std::to_string(number_), -result);
    });
    live_ = depth_;
}

void Queue::serve() {
    while (live_ > 0) {
        ring_.submit(1);
        ring_.for_each_result(
            [&](std::uint64_t tag, int result) { take(static_cast<unsigned>(tag), result); },
            batch_);
    }
}

void Queue::take(unsigned tag, int result) {
    if (result == UBLK_IO_RES_OK) {
        const auto answer = data_.carry_out(tag, requests_[tag]);
        send(UBLK_U_IO_COMMIT_AND_FETCH_REQ, tag, answer.result, answer.address);
    } else if (result == UBLK_IO_RES_NEED_GET_DATA) {
        send(UBLK_U_IO_NEED_GET_DATA, tag, 0, data_.room(tag, requests_[tag]));
    } else if (result == UBLK_IO_RES_ABORT) {
        --live_;
    } else {
        throw_error("serve queue " + std::to_string(number_), -result);
    }
}

} // namespace userblk::bench::ublk
