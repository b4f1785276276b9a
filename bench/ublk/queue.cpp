// SPDX-License-Identifier: MIT
#include "bench/ublk/queue.hpp"

namespace userblk::bench::ublk {

namespace {

// The upper half of a result's user_data; the lower one is a tag. See also Batches.
constexpr std::uint64_t io_done = std::uint64_t(4) << 32;
constexpr std::uint64_t kinds = ~std::uint64_t(0) << 32;

// For the commands of Batches, beside one entry for each tag.
constexpr unsigned more_entries = 2;

const Mapping nothing_shared;

unsigned ring_flags(TaskRun task_run) noexcept {
    return IORING_SETUP_SINGLE_ISSUER |
           (task_run == TaskRun::deferred ? IORING_SETUP_DEFER_TASKRUN : IORING_SETUP_COOP_TASKRUN);
}

} // namespace

Queue::Queue(const Device& device, const Target& target, const QueueOptions& options,
             unsigned number, unsigned part, unsigned parts)
    : target_(target), number_(number), tags_{part, parts, device.depth()}, options_(options),
      mapping_(device.map_requests(number)),
      requests_(reinterpret_cast<const ublksrv_io_desc*>(mapping_.data())),
      data_(options.mode, device, target,
            options.shared != nullptr ? *options.shared : nothing_shared, number, tags_),
      ring_(tags_.count() + (options.batch_io ? more_entries : 0), ring_flags(options.task_run),
            {device.fd(), target.fd()}) {
    if (options.mode == DataMode::registered)
        ring_.make_buffer_table(tags_.count());
    if (options.batch_io)
        batches_.emplace(ring_, number, device.depth(), options.batch, options.mode);
}

void Queue::send(unsigned operation, unsigned tag, std::int32_t result,
                 std::uint64_t address) noexcept {
    ublksrv_io_cmd command{};
    command.q_id = static_cast<std::uint16_t>(number_);
    command.tag = static_cast<std::uint16_t>(tag);
    command.result = result;
    command.addr = address;
    auto& entry = ring_.prepare(operation, command, tag);
    if (options_.mode == DataMode::registered)
        entry.addr = tags_.slot(tag); // of the buffer table, for the tag's next request
}

void Queue::fetch() {
    if (batches_) {
        batches_->begin(data_);
        live_ = 1;
    } else {
        tags_.for_each(
            [&](unsigned tag) { send(UBLK_U_IO_FETCH_REQ, tag, 0, data_.first_address(tag)); });
        live_ = tags_.count();
    }
    ring_.submit(0);
    // Before the disk exists, only a refusal can come back, or that all tags are announced.
    ring_.for_each_result([&](std::uint64_t user_data, int result) {
        if (user_data != Batches::announced || result < 0)
            throw_error("fetch the requests of queue " + std::to_string(number_), -result);
    });
}

void Queue::serve() {
    while (live_ > 0) {
        if (batches_)
            batches_->commit();
        ring_.submit(1);
        ring_.take_results([&](const io_uring_cqe& result) { return take(result); },
                           options_.batch);
    }
}

// Returns the number of requests in the result.
unsigned Queue::take(const io_uring_cqe& result) {
    const auto tag = static_cast<unsigned>(result.user_data);
    switch (result.user_data & kinds) {
    case 0:
        take(tag, result.res);
        return 1;
    case io_done:
        answer(tag, {result.res, data_.first_address(tag)});
        return 1;
    case Batches::delivered:
        return take_batch(result);
    default:
        fail(result.res);
    }
}

unsigned Queue::take_batch(const io_uring_cqe& result) {
    const bool is_last = (result.flags & IORING_CQE_F_MORE) == 0;
    if (result.res == UBLK_IO_RES_ABORT) {
        live_ = 0;
        return 0;
    }
    if (result.res < 0 && result.res != -ENOBUFS)
        fail(result.res);
    unsigned count = 0;
    if (result.res > 0) {
        const auto tags = batches_->tags(result);
        for (const auto tag : tags)
            deliver(tag);
        count = static_cast<unsigned>(tags.size());
        batches_->give_back(result);
    }
    if (is_last)
        batches_->fetch();
    return count;
}

void Queue::take(unsigned tag, int result) {
    if (result == UBLK_IO_RES_OK)
        deliver(tag);
    else if (result == UBLK_IO_RES_NEED_GET_DATA)
        send(UBLK_U_IO_NEED_GET_DATA, tag, 0, data_.room(tag, requests_[tag]));
    else if (result == UBLK_IO_RES_ABORT)
        --live_;
    else
        fail(result);
}

void Queue::deliver(unsigned tag) {
    const auto& request = requests_[tag];
    if (!target_.is_disk() || !start_io(tag, request))
        answer(tag, data_.carry_out(tag, request));
}

// The answer follows the result. Returns false if there is nothing to do on the disk.
bool Queue::start_io(unsigned tag, const ublksrv_io_desc& request) noexcept {
    constexpr unsigned sector_shift = 9;
    const bool registered = options_.mode == DataMode::registered;
    io_uring_op operation{};
    switch (ublksrv_get_op(&request)) {
    case UBLK_IO_OP_READ:
        operation = registered ? IORING_OP_READ_FIXED : IORING_OP_READ;
        break;
    case UBLK_IO_OP_WRITE:
        operation = registered ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE;
        break;
    case UBLK_IO_OP_FLUSH: {
        auto& entry = ring_.prepare_io(IORING_OP_FSYNC, nullptr, 0, 0, io_done | tag);
        entry.fsync_flags = IORING_FSYNC_DATASYNC;
        return true;
    }
    default:
        return false;
    }
    auto& entry = ring_.prepare_io(operation, data_.io_address(tag, request),
                                   request.nr_sectors << sector_shift,
                                   request.start_sector << sector_shift, io_done | tag);
    if (registered)
        entry.buf_index = static_cast<__u16>(tags_.slot(tag));
    return true;
}

void Queue::answer(unsigned tag, const DataPath::Answer& answer) noexcept {
    if (batches_)
        batches_->add(tag, answer);
    else
        send(UBLK_U_IO_COMMIT_AND_FETCH_REQ, tag, answer.result, answer.address);
}

void Queue::fail(int result) const {
    throw_error("serve queue " + std::to_string(number_), -result);
}

} // namespace userblk::bench::ublk
