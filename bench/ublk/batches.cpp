// SPDX-License-Identifier: MIT
#include "bench/ublk/batches.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace userblk::bench::ublk {

namespace {

bool has_addresses(DataMode mode) noexcept {
    return mode == DataMode::buffer;
}

// Each delivery brings a request at least.
unsigned buffers_for(unsigned depth) noexcept {
    return std::bit_ceil(depth);
}

} // namespace

Batches::Batches(Ring& ring, unsigned queue, unsigned depth, unsigned most, DataMode mode)
    : ring_(ring), queue_(queue), depth_(depth), most_(std::min(most, depth)),
      has_addresses_(has_addresses(mode)),
      element_size_(sizeof(BatchElement) + (has_addresses_ ? sizeof(__u64) : 0)),
      elements_(Mapping::memory(depth * element_size_, "answers")),
      memory_(Mapping::memory(buffers_for(depth) * sizeof(io_uring_buf), "a ring of buffers")),
      tags_(Mapping::memory(buffers_for(depth) * most_ * sizeof(std::uint16_t), "tags")),
      offered_(reinterpret_cast<io_uring_buf*>(memory_.data()), buffers_for(depth)) {
    ring_.register_buffer_ring(offered_);
    for (unsigned i = 0; i < offered_.size(); ++i)
        offer(i);
}

// The tail of the ring lies in its first element.
void Batches::offer(unsigned buffer) noexcept {
    const std::size_t size = most_ * sizeof(std::uint16_t);
    auto& entry = offered_[tail_ & (offered_.size() - 1)];
    entry.addr = reinterpret_cast<std::uintptr_t>(tags_.data() + buffer * size);
    entry.len = static_cast<__u32>(size);
    entry.bid = static_cast<__u16>(buffer);
    std::atomic_ref(offered_[0].resv).store(++tail_, std::memory_order_release);
}

void Batches::send(unsigned operation, unsigned count, std::uint64_t user_data) noexcept {
    BatchCommand command{};
    command.q_id = static_cast<__u16>(queue_);
    command.flags = has_addresses_ ? UBLK_BATCH_F_HAS_BUF_ADDR : 0;
    command.nr_elem = static_cast<__u16>(count);
    command.elem_bytes = static_cast<__u8>(element_size_);
    auto& entry = ring_.prepare(operation, command, user_data);
    entry.addr = reinterpret_cast<std::uintptr_t>(elements_.data());
    entry.len = static_cast<__u32>(count * element_size_);
    if (operation == commit_in_batch) // a result of its own would end the wait for requests
        entry.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Batches::begin(const DataPath& data) noexcept {
    for (unsigned tag = 0; tag < depth_; ++tag)
        add(tag, {0, data.first_address(tag)});
    send(prepare_in_batch, std::exchange(ready_, 0U), announced);
    fetch();
}

void Batches::fetch() noexcept {
    BatchCommand command{};
    command.q_id = static_cast<__u16>(queue_);
    command.elem_bytes = sizeof(std::uint16_t);
    auto& entry = ring_.prepare(fetch_in_batch, command, delivered);
    entry.uring_cmd_flags = IORING_URING_CMD_MULTISHOT;
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = 0;
}

std::span<const std::uint16_t> Batches::tags(const io_uring_cqe& result) const noexcept {
    const std::size_t buffer = result.flags >> IORING_CQE_BUFFER_SHIFT;
    return {reinterpret_cast<const std::uint16_t*>(tags_.data()) + buffer * most_,
            static_cast<std::size_t>(result.res) / sizeof(std::uint16_t)};
}

void Batches::give_back(const io_uring_cqe& result) noexcept {
    offer(result.flags >> IORING_CQE_BUFFER_SHIFT);
}

// The registered buffer of a tag has its number.
void Batches::add(unsigned tag, const DataPath::Answer& answer) noexcept {
    const BatchElement element{static_cast<__u16>(tag), static_cast<__u16>(tag), answer.result};
    const auto place = elements_.data() + ready_++ * element_size_;
    std::memcpy(place, &element, sizeof(element));
    if (has_addresses_)
        std::memcpy(place + sizeof(element), &answer.address, sizeof(answer.address));
}

// The kernel has read the elements when the submission returns.
void Batches::commit() noexcept {
    if (ready_ > 0)
        send(commit_in_batch, std::exchange(ready_, 0U), answered);
}

} // namespace userblk::bench::ublk
