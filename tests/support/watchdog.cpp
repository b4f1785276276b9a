// SPDX-License-Identifier: MIT
#include "watchdog.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <unistd.h>

#include "abi.hpp"
#include "process.hpp"
#include "slowness.hpp"

namespace userblk::test {

namespace {

using namespace std::chrono_literals;

// Seconds that a test may take; $USERBLK_TEST_LIMIT overrides it for slower machines.
std::chrono::seconds test_limit() {
    const char* text = std::getenv("USERBLK_TEST_LIMIT");
    return std::chrono::seconds(slowness() * (text ? std::max(1, std::atoi(text)) : 90));
}

std::string read_all(const std::filesystem::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

void show_process(const std::string& pid) {
    std::error_code ignored;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + pid + "/task", ignored)) {
        const std::string name = read_all(task.path() / "comm");
        std::fprintf(stderr, "task %s in %c: %s%s\n", task.path().filename().c_str(),
                     process_state(std::stoi(task.path().filename())), name.c_str(),
                     read_all(task.path() / "stack").c_str());
    }
}

Watchdog::Watchdog(std::string test)
    : test_(std::move(test)), end_(std::chrono::steady_clock::now() + test_limit()),
      thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
    {
        std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Watchdog::extend(std::chrono::seconds limit) {
    std::lock_guard lock(mutex_);
    end_ = std::chrono::steady_clock::now() + std::max(slowness() * limit, test_limit());
}

void Watchdog::watch() {
    std::unique_lock lock(mutex_);
    while (!over_ && std::chrono::steady_clock::now() < end_)
        changed_.wait_until(lock, std::chrono::steady_clock::time_point(end_));
    if (over_)
        return;
    std::fprintf(stderr, "\n%s: the time is over; where everybody stands:\n", test_.c_str());
    show_process("self");
    for (const pid_t pid : children())
        show_process(std::to_string(pid));
    // What blocks in the kernel for want of an answer ends with the devices; if the removal blocks
    // as well, the process exits without it.
    std::thread([] {
        for (const userblk_list_entry& device : list_devices())
            remove_device(device.number, USERBLK_REMOVE_FORCE);
    }).detach();
    std::this_thread::sleep_for(3s);
    std::fflush(nullptr);
    _exit(1);
}

} // namespace userblk::test
