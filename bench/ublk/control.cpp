// SPDX-License-Identifier: MIT
#include "bench/ublk/control.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace userblk::bench::ublk {

namespace {

constexpr const char* path = "/dev/ublk-control";
constexpr std::chrono::seconds patience{30}; // for the exit of a killed server
constexpr std::chrono::milliseconds pause{10};

template <class Value>
std::span<std::byte> bytes_of(Value& value) noexcept {
    return std::as_writable_bytes(std::span(&value, 1));
}

FileDescriptor open_control() {
    try {
        return {path, O_RDWR};
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_file_or_directory)
            throw;
        throw_error("open " + std::string(path) + "; load the module ublk_drv", ENOENT);
    }
}

} // namespace

// A control command does not fit into a regular entry: the driver requires the large ones.
Control::Control() : file_(open_control()), ring_(1, IORING_SETUP_SQE128, {file_.get()}) {}

void Control::send(const std::string& what, unsigned operation, std::uint32_t number,
                   std::span<std::byte> buffer, std::uint64_t argument) {
    if (const int result = try_send(operation, number, buffer, argument); result < 0)
        throw_error(what, -result);
}

int Control::try_send(unsigned operation, std::uint32_t number, std::span<std::byte> buffer,
                      std::uint64_t argument) {
    const auto path_bytes = std::as_bytes(std::span(path_));
    data_.assign(path_bytes.begin(), path_bytes.end());
    data_.insert(data_.end(), buffer.begin(), buffer.end());
    ControlCommand command{};
    command.dev_id = number;
    command.queue_id = static_cast<std::uint16_t>(-1);
    command.addr = reinterpret_cast<std::uintptr_t>(data_.data());
    command.len = static_cast<std::uint16_t>(data_.size());
    command.data[0] = argument;
    command.dev_path_len = static_cast<std::uint16_t>(path_.size());
    ring_.prepare(operation, command, 0);
    ring_.submit(1);
    int answer = 0;
    ring_.for_each_result([&](std::uint64_t, int result) { answer = result; });
    std::copy_n(data_.begin() + static_cast<std::ptrdiff_t>(path_.size()), buffer.size(),
                buffer.begin());
    return answer;
}

std::uint64_t Control::features() {
    std::uint64_t features = 0;
    static_assert(sizeof(features) == UBLK_FEATURES_LEN);
    send("ask for the driver's features (Linux 6.5 or newer is needed)", UBLK_U_CMD_GET_FEATURES,
         static_cast<std::uint32_t>(-1), bytes_of(features));
    return features;
}

ublksrv_ctrl_dev_info Control::add(ublksrv_ctrl_dev_info wanted) {
    wanted.dev_id = static_cast<std::uint32_t>(-1); // any number
    send("create a ublk device", UBLK_U_CMD_ADD_DEV, wanted.dev_id, bytes_of(wanted));
    return wanted;
}

ublksrv_ctrl_dev_info Control::info(std::uint32_t number) {
    ublksrv_ctrl_dev_info info{};
    send("find ublk device " + std::to_string(number), UBLK_U_CMD_GET_DEV_INFO, number,
         bytes_of(info));
    return info;
}

void Control::set_parameters(std::uint32_t number, ublk_params parameters) {
    parameters.len = sizeof(parameters);
    send("set the parameters of ublk device " + std::to_string(number), UBLK_U_CMD_SET_PARAMS,
         number, bytes_of(parameters));
}

void Control::share(std::uint32_t number, std::span<std::byte> memory) {
    SharedRange range{};
    range.addr = reinterpret_cast<std::uintptr_t>(memory.data());
    range.len = memory.size();
    send("share memory with the clients of ublk device " + std::to_string(number),
         static_cast<unsigned>(UBLK_U_CMD_REG_BUF), number, bytes_of(range));
}

void Control::start(std::uint32_t number) {
    send("start ublk device " + std::to_string(number), UBLK_U_CMD_START_DEV, number, {},
         static_cast<std::uint64_t>(::getpid()));
}

// The driver refuses as long as the old server has the node open.
void Control::start_recovery(std::uint32_t number) {
    const auto end = std::chrono::steady_clock::now() + patience;
    int result = 0;
    while ((result = try_send(UBLK_U_CMD_START_USER_RECOVERY, number, {}, 0)) == -EBUSY &&
           std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(pause);
    if (result < 0)
        throw_error("begin the recovery of ublk device " + std::to_string(number), -result);
}

void Control::end_recovery(std::uint32_t number) {
    send("end the recovery of ublk device " + std::to_string(number), UBLK_U_CMD_END_USER_RECOVERY,
         number, {}, static_cast<std::uint64_t>(::getpid()));
}

void Control::stop(std::uint32_t number) {
    send("stop ublk device " + std::to_string(number), UBLK_U_CMD_STOP_DEV, number);
}

void Control::remove(std::uint32_t number) {
    send("delete ublk device " + std::to_string(number), UBLK_U_CMD_DEL_DEV, number);
}

cpu_set_t Control::affinity(std::uint32_t number, unsigned queue) {
    cpu_set_t set;
    CPU_ZERO(&set);
    send("ask for the processors of queue " + std::to_string(queue), UBLK_U_CMD_GET_QUEUE_AFFINITY,
         number, bytes_of(set), queue);
    return set;
}

} // namespace userblk::bench::ublk
