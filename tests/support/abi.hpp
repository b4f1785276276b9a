// SPDX-License-Identifier: MIT
//
// The bare interface of the kernel module, ioctl by ioctl. Nothing here throws or hides an error.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "ioctl/userblk_ioctl.h"
#include "slowness.hpp"

namespace userblk::test {

inline constexpr const char* control_device_path = "/dev/userblk-control";

inline constexpr std::int64_t no_wait = 0;
inline constexpr std::int64_t for_ever = -1;
inline const std::int64_t a_while = 30'000'000'000 * slowness(); // a generous timeout, in ns
inline constexpr std::uint64_t default_size = 16u << 20;

// 0, or the errno.
int ioctl_error(int fd, unsigned long command, void* argument);
// Opens the control device for this one call.
int control_error(unsigned long command, void* argument);

template <class T>
std::uint64_t address(T* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
}

// A 16 MiB device without a partition scan, so that the test makes all of its requests.
userblk_config test_config(std::uint64_t size = default_size);
void set_name(userblk_config& config, const char* name);

int create(userblk_config& config);
int remove_device(std::uint32_t number, std::uint32_t flags);
std::vector<userblk_list_entry> list_devices();

struct GetResult {
    int error;
    std::uint32_t count;
    std::uint32_t flags;
};

userblk_request record(void* address = nullptr, std::size_t room = 0);
userblk_get get_argument(std::span<userblk_request> records, std::int64_t timeout = no_wait,
                         std::uint32_t flags = 0);
GetResult get(int fd, std::span<userblk_request> records, std::int64_t timeout = no_wait,
              std::uint32_t flags = 0, std::uint32_t queue = USERBLK_ANY_QUEUE);
// Does what a worker does before it serves: from now on the device has its size.
void announce_service(int fd);
// Waits for one request and takes it; fails the test if none comes.
userblk_request take(int fd, void* address = nullptr, std::size_t room = 0);
// Takes as many as one call hands out, up to n.
std::vector<userblk_request> take_up_to(int fd, std::size_t n);
// Takes exactly n, one by one.
std::vector<userblk_request> take_each(int fd, std::size_t n);

struct PutResult {
    int error;
    std::uint32_t failed;
};

userblk_answer complete(std::uint64_t id, int status = 0);
userblk_answer complete_read(std::uint64_t id, const void* data, std::size_t length);
userblk_answer fetch(std::uint64_t id, void* to, std::size_t room);
userblk_answer store(std::uint64_t id, void* to, std::size_t room);
userblk_answer give_back(std::uint64_t id);
userblk_answer adopt(std::uint64_t id);
// To one extent of a file, or to several; the array of extents must stay valid until the PUT.
userblk_answer redirect(const userblk_request& request, int fd, std::uint64_t offset);
userblk_answer redirect(const userblk_request& request, std::span<const userblk_extent> extents);

userblk_put put_argument(std::span<userblk_answer> answers);
PutResult put(int fd, std::span<userblk_answer> answers);
// The result of a single answer: 0 or a positive errno, from the call or from the record.
int put(int fd, userblk_answer answer);

userblk_serve serve_argument(std::span<userblk_answer> answers, std::span<userblk_request> records,
                             std::int64_t timeout = no_wait, std::uint32_t flags = 0);
int serve(int fd, userblk_serve& argument);

struct ResetResult {
    int error;
    std::uint32_t count;
};

ResetResult reset(int fd, userblk_reset argument);
ResetResult reset_dead(int fd);
ResetResult reset_all(int fd);
ResetResult reset_pid(int fd, int pid);
ResetResult reset_id(int fd, std::uint64_t id);
ResetResult reset_older(int fd, std::uint64_t age_ns);

userblk_info info_argument(std::span<userblk_taken> list = {});
// Returns zeros, and fails the test, if INFO fails.
userblk_info info(int fd);
std::vector<userblk_taken> taken_list(int fd);

int resize(int fd, std::uint64_t size);

// The poll events that a node reports now, or within the timeout.
short poll_events(int fd, short wanted, int timeout_ms = 0);

} // namespace userblk::test
