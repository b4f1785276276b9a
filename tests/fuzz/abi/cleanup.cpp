// SPDX-License-Identifier: MIT
//
// After a program: ends everything that it left in progress, and checks that the devices are as
// good as new.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/fs.h>

#include "tests/fuzz/abi/executor.hpp"
#include "tests/support/abi.hpp"
#include "tests/support/buffer.hpp"
#include "tests/support/eventually.hpp"

namespace userblk::fuzz {

namespace {

constexpr std::size_t check_size = 4096;
constexpr std::uint64_t read_at = 8192;

bool has_requests(const userblk_info& info) {
    return info.queued || info.taken || info.redirected;
}

std::string described(const userblk_info& info) {
    return std::to_string(info.queued) + " queued, " + std::to_string(info.taken) + " taken, " +
           std::to_string(info.orphaned) + " orphaned, " + std::to_string(info.redirected) +
           " redirected";
}

} // namespace

// Takes and fails what is queued. Returns whether the device was idle.
bool Executor::drain(int node, std::uint64_t instance) {
    userblk_info info = test::info_argument();
    int error = test::ioctl_error(node, USERBLK_INFO, &info);
    if (!error && !has_requests(info))
        return true;
    if (!error)
        error = test::reset(node, {0, 0, USERBLK_RESET_ALL, 0, USERBLK_RESET_FORCED, 0}).error;
    std::vector<userblk_request> requests(32, test::record());
    const test::GetResult got = error ? test::GetResult{error, 0, 0} : test::get(node, requests);
    if (got.error == ENODEV)
        return true;
    if (got.error)
        throw Finding(std::string("requests cannot be taken: ") + std::strerror(got.error));
    std::vector<userblk_answer> answers;
    for (std::uint32_t i = 0; i < got.count; i++) {
        if (requests[i].result)
            continue;
        note_delivery(instance, requests[i].id);
        answers.push_back(test::complete(requests[i].id, -EIO));
    }
    if (!answers.empty())
        if (const int failed = test::put(node, answers).error; failed && failed != ENODEV)
            throw Finding(std::string("requests cannot be answered: ") + std::strerror(failed));
    return false;
}

void Executor::drain_all() {
    const bool done = test::eventually(
        [this] {
            check_deliveries();
            bool quiet = drain(pair_.devices[0].node.get(), first_instance_);
            quiet &= drain(pair_.devices[1].node.get(), first_instance_ + 1);
            for (const Created& device : created_)
                if (device.node.open())
                    quiet &= drain(device.node.get(), unknown_instance);
            return io_.under_way() == 0 && pool_.idle() && quiet;
        },
        2 * test::patience);
    if (done)
        return;
    userblk_info info = test::info_argument();
    test::ioctl_error(pair_.devices[0].node.get(), USERBLK_INFO, &info);
    throw Finding("I/O does not end; device 0: " + described(info) + ", under way " +
                  std::to_string(io_.under_way()));
}

void Executor::close_handles() {
    handles_.resize(4);
    opened_.clear();
    created_.clear();
}

// In another thread, while this one answers what the removal may wait for.
void Executor::remove_created() {
    std::vector<std::uint32_t> numbers;
    for (const Created& device : created_)
        numbers.push_back(device.number);
    const int control = pair_.control.get();
    pool_.start([=, this](CallBuffers&) {
        for (const std::uint32_t number : numbers) {
            userblk_remove argument{number, USERBLK_REMOVE_FORCE, 0};
            const int error = test::ioctl_error(control, USERBLK_REMOVE, &argument);
            if (error && error != ENODEV)
                shared_.complain(std::string("a device cannot be removed: ") +
                                 std::strerror(error));
        }
    });
}

void Executor::clean_up(bool removes_at_once) {
    // Every other program has its devices removed as they are, the others once they are idle.
    if (created_.size() && removes_at_once)
        remove_created();
    drain_all();
    open_created(); // if a thread created one late
    if (created_.size()) {
        remove_created();
        drain_all();
    }
    close_handles();
    targets_.restore();
    for (std::size_t i = 0; i < 2 && !broken_; i++) {
        restore_size(pair_.devices[i]);
        if (!broken_)
            check_service(pair_.devices[i], first_instance_ + i);
    }
}

// The other fields of INFO must be right, too, now that nothing is in progress.
void Executor::restore_size(const DevicePair::Device& device) {
    userblk_info info = test::info_argument();
    const int error = test::ioctl_error(device.node.get(), USERBLK_INFO, &info);
    broken_ = error == ENODEV;
    if (broken_)
        return;
    if (error)
        throw Finding(std::string("INFO: ") + std::strerror(error));
    if (info.config.number != device.number || info.orphaned ||
        info.given_back + info.put_back > info.gets + info.expired + info.exhausted)
        throw Finding("INFO is not consistent: " + described(info));
    if (info.config.size != device.size && test::resize(device.node.get(), device.size))
        throw Finding("the device cannot be given its size again");
}

// One write and one read, answered as they come; other requests (late writeback) fail. Returns
// false if the I/O would have had to wait for pages of the device's page cache.
bool Executor::check_io(const DevicePair::Device& device, std::uint64_t instance) {
    const std::uint64_t seed = 2 * ++checks_;
    const test::Buffer expected = test::pattern(check_size, seed);
    test::Buffer to_read = test::pattern(check_size, seed + 1);
    const int disk = device.disk.get();
    const test::Io ios[] = {
        test::Aio::prepare(disk, IOCB_CMD_PWRITE, 0, test::pattern(check_size, seed), RWF_NOWAIT),
        test::Aio::prepare(disk, IOCB_CMD_PREAD, read_at, test::Buffer(check_size), RWF_NOWAIT)};
    aio_.submit(ios);
    bool written = false;
    const auto serve = [&] {
        userblk_request requests[4];
        for (std::size_t i = 0; i < std::size(requests); i++)
            requests[i] = test::record(buffers_.payload.data() + i * check_size, check_size);
        const test::GetResult got = test::get(device.node.get(), requests);
        if (got.error)
            throw Finding(std::string("the device cannot be served: ") + std::strerror(got.error));
        std::vector<userblk_answer> answers;
        for (std::uint32_t i = 0; i < got.count; i++) {
            const userblk_request& request = requests[i];
            note_delivery(instance, request.id);
            const bool own_write =
                request.op == USERBLK_OP_WRITE && !request.offset &&
                !std::memcmp(buffers_.payload.data() + i * check_size, expected.data(), check_size);
            const bool own_read = request.op == USERBLK_OP_READ && request.offset == read_at &&
                                  request.length == check_size;
            written |= own_write;
            answers.push_back(own_read ? test::complete_read(request.id, to_read.data(), check_size)
                                       : test::complete(request.id, own_write ? 0 : -EIO));
        }
        if (!answers.empty() && test::put(device.node.get(), answers).failed)
            throw Finding("a plain answer is refused");
        return ios[0]->finished() && ios[1]->finished();
    };
    if (!test::eventually(serve))
        throw Finding("after the program a read or a write does not end");
    const int result[] = {ios[0]->result(), ios[1]->result()};
    if (result[0] == EAGAIN || result[1] == EAGAIN)
        return false;
    if (result[0] || result[1] || !written)
        throw Finding(std::string("after the program a write gave '") + std::strerror(result[0]) +
                      "', a read '" + std::strerror(result[1]) + "'");
    if (!(ios[1]->data() == to_read))
        throw Finding("after the program a read gave other data than its answer");
    return true;
}

void Executor::check_service(const DevicePair::Device& device, std::uint64_t instance) {
    for (int tries = 0; !check_io(device, instance); tries++) {
        if (tries == 10)
            throw Finding("after the program no I/O can be begun");
        const int disk = device.cached_disk.get();
        pool_.start([disk](CallBuffers&) {
            fsync(disk);
            posix_fadvise(disk, 0, 0, POSIX_FADV_DONTNEED);
        });
        drain_all();
    }
}

void Executor::leave() {
    channel_.send('R');
    const Message answer = channel_.receive();
    pair_ = DevicePair();
    if (!answer.text.empty())
        throw Finding(answer.text);
}

void Executor::renew() {
    if (pair_.control.open())
        leave();
    channel_.send('N');
    pair_ = receive_devices(channel_);
    first_instance_ = instances_ + 1;
    instances_ += 2;
    fill_in_files();
    delivered_.clear();
    shared_.pairs++;
    runs_ = 0;
    broken_ = false;
}

} // namespace userblk::fuzz
