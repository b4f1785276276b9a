// SPDX-License-Identifier: MIT
#include "abi.hpp"

#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "eventually.hpp"
#include "fd.hpp"

namespace userblk::test {

int ioctl_error(int fd, unsigned long command, void* argument) {
    return ::ioctl(fd, command, argument) ? errno : 0;
}

int control_error(unsigned long command, void* argument) {
    return ioctl_error(open_file(control_device_path, O_RDWR).get(), command, argument);
}

userblk_config test_config(std::uint64_t size) {
    userblk_config config{};
    config.size = size;
    config.number = USERBLK_ANY_NUMBER;
    config.flags = USERBLK_F_NO_PARTITIONS;
    return config;
}

void set_name(userblk_config& config, const char* name) {
    std::memset(config.name, 0, sizeof(config.name));
    std::memcpy(config.name, name, std::min(std::strlen(name), sizeof(config.name)));
}

int create(userblk_config& config) {
    return control_error(USERBLK_CREATE, &config);
}

int remove_device(std::uint32_t number, std::uint32_t flags) {
    userblk_remove argument{number, flags, 0};
    return control_error(USERBLK_REMOVE, &argument);
}

std::vector<userblk_list_entry> list_devices() {
    std::vector<userblk_list_entry> entries(USERBLK_MAX_DEVICES);
    userblk_list argument{};
    argument.entries = address(entries.data());
    argument.count = USERBLK_MAX_DEVICES;
    argument.entry_size = sizeof(userblk_list_entry);
    if (const int error = control_error(USERBLK_LIST, &argument)) {
        ADD_FAILURE() << "LIST: " << std::strerror(error);
        return {};
    }
    entries.resize(argument.count);
    return entries;
}

userblk_request record(void* to, std::size_t room) {
    userblk_request request{};
    request.addr = address(to);
    request.room = static_cast<std::uint32_t>(room);
    return request;
}

userblk_get get_argument(std::span<userblk_request> records, std::int64_t timeout,
                         std::uint32_t flags) {
    userblk_get argument{};
    argument.requests = address(records.data());
    argument.timeout_ns = timeout;
    argument.request_size = sizeof(userblk_request);
    argument.count = static_cast<std::uint32_t>(records.size());
    argument.queue = USERBLK_ANY_QUEUE;
    argument.flags = flags;
    return argument;
}

GetResult get(int fd, std::span<userblk_request> records, std::int64_t timeout, std::uint32_t flags,
              std::uint32_t queue) {
    userblk_get argument = get_argument(records, timeout, flags);
    argument.queue = queue;
    const int error = ioctl_error(fd, USERBLK_GET, &argument);
    return {error, error ? 0 : argument.count, error ? 0 : argument.flags};
}

void announce_service(int fd) {
    poll_events(fd, POLLIN);
}

userblk_request take(int fd, void* to, std::size_t room) {
    userblk_request request = record(to, room);
    const GetResult result = get(fd, {&request, 1}, a_while);
    EXPECT_EQ(result.error, 0) << std::strerror(result.error);
    EXPECT_EQ(result.count, 1u) << "no request came";
    EXPECT_EQ(request.result, 0);
    return request;
}

std::vector<userblk_request> take_up_to(int fd, std::size_t n) {
    std::vector<userblk_request> requests(n, record());
    const GetResult result = get(fd, requests, a_while);
    EXPECT_EQ(result.error, 0) << std::strerror(result.error);
    requests.resize(result.count);
    return requests;
}

std::vector<userblk_request> take_each(int fd, std::size_t n) {
    std::vector<userblk_request> requests;
    while (requests.size() < n)
        requests.push_back(take(fd));
    return requests;
}

namespace {

userblk_answer answer(std::uint64_t id, std::uint16_t action, const void* at = nullptr,
                      std::size_t length = 0) {
    userblk_answer result{};
    result.id = id;
    result.action = action;
    result.addr = address(at);
    result.length = static_cast<std::uint32_t>(length);
    return result;
}

} // namespace

userblk_answer complete(std::uint64_t id, int status) {
    userblk_answer result = answer(id, USERBLK_ACTION_COMPLETE);
    result.status = status;
    return result;
}

userblk_answer complete_read(std::uint64_t id, const void* data, std::size_t length) {
    return answer(id, USERBLK_ACTION_COMPLETE, data, length);
}

userblk_answer fetch(std::uint64_t id, void* to, std::size_t room) {
    return answer(id, USERBLK_ACTION_FETCH, to, room);
}

userblk_answer store(std::uint64_t id, void* to, std::size_t room) {
    return answer(id, USERBLK_ACTION_STORE, to, room);
}

userblk_answer give_back(std::uint64_t id) {
    return answer(id, USERBLK_ACTION_GIVE_BACK);
}

userblk_answer adopt(std::uint64_t id) {
    return answer(id, USERBLK_ACTION_ADOPT);
}

userblk_answer redirect(const userblk_request& request, int fd, std::uint64_t offset) {
    userblk_answer result = answer(request.id, USERBLK_ACTION_REDIRECT, nullptr, request.length);
    result.offset = offset;
    result.fd = fd;
    return result;
}

userblk_answer redirect(const userblk_request& request, std::span<const userblk_extent> extents) {
    userblk_answer result =
        answer(request.id, USERBLK_ACTION_REDIRECT, extents.data(), extents.size());
    result.flags = USERBLK_ANSWER_EXTENTS;
    return result;
}

userblk_put put_argument(std::span<userblk_answer> answers) {
    userblk_put argument{};
    argument.answers = address(answers.data());
    argument.answer_size = sizeof(userblk_answer);
    argument.count = static_cast<std::uint32_t>(answers.size());
    return argument;
}

PutResult put(int fd, std::span<userblk_answer> answers) {
    userblk_put argument = put_argument(answers);
    const int error = ioctl_error(fd, USERBLK_PUT, &argument);
    return {error, argument.failed};
}

int put(int fd, userblk_answer single) {
    const PutResult result = put(fd, std::span(&single, 1));
    return result.error ? result.error : -single.result;
}

userblk_serve serve_argument(std::span<userblk_answer> answers, std::span<userblk_request> records,
                             std::int64_t timeout, std::uint32_t flags) {
    return {put_argument(answers), get_argument(records, timeout, flags)};
}

int serve(int fd, userblk_serve& argument) {
    return ioctl_error(fd, USERBLK_SERVE, &argument);
}

ResetResult reset(int fd, userblk_reset argument) {
    const int error = ioctl_error(fd, USERBLK_RESET, &argument);
    return {error, argument.count};
}

namespace {

ResetResult reset_which(int fd, std::uint32_t which) {
    userblk_reset argument{};
    argument.which = which;
    return reset(fd, argument);
}

} // namespace

ResetResult reset_dead(int fd) {
    return reset_which(fd, USERBLK_RESET_DEAD);
}

ResetResult reset_all(int fd) {
    return reset_which(fd, USERBLK_RESET_ALL);
}

ResetResult reset_pid(int fd, int pid) {
    userblk_reset argument{};
    argument.which = USERBLK_RESET_PID;
    argument.pid = pid;
    return reset(fd, argument);
}

ResetResult reset_id(int fd, std::uint64_t id) {
    userblk_reset argument{};
    argument.which = USERBLK_RESET_ID;
    argument.id = id;
    return reset(fd, argument);
}

ResetResult reset_older(int fd, std::uint64_t age_ns) {
    userblk_reset argument{};
    argument.which = USERBLK_RESET_OLDER;
    argument.age_ns = age_ns;
    return reset(fd, argument);
}

userblk_info info_argument(std::span<userblk_taken> list) {
    userblk_info argument{};
    argument.taken_list = address(list.data());
    argument.taken_count = static_cast<std::uint32_t>(list.size());
    argument.taken_size = sizeof(userblk_taken);
    return argument;
}

userblk_info info(int fd) {
    userblk_info argument = info_argument();
    const int error = ioctl_error(fd, USERBLK_INFO, &argument);
    EXPECT_EQ(error, 0) << "INFO: " << std::strerror(error);
    return error ? userblk_info{} : argument;
}

std::vector<userblk_taken> taken_list(int fd) {
    std::vector<userblk_taken> list(USERBLK_MAX_BATCH);
    userblk_info argument = info_argument(list);
    const int error = ioctl_error(fd, USERBLK_INFO, &argument);
    EXPECT_EQ(error, 0) << "INFO: " << std::strerror(error);
    list.resize(error ? 0 : argument.taken_count);
    return list;
}

int resize(int fd, std::uint64_t size) {
    userblk_resize argument{size, 0, 0};
    return ioctl_error(fd, USERBLK_RESIZE, &argument);
}

short poll_events(int fd, short wanted, int timeout_ms) {
    pollfd entry{fd, wanted, 0};
    while (::poll(&entry, 1, timeout_ms) < 0 && errno == EINTR)
        ;
    return entry.revents;
}

} // namespace userblk::test
