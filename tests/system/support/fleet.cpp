// SPDX-License-Identifier: MIT
#include "tests/system/support/fleet.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/support/process.hpp"

namespace userblk::test {

namespace {

constexpr std::array kinds{
    WorkerKind::copying, WorkerKind::slow,    WorkerKind::waiting_in_serve,
    WorkerKind::mapping, WorkerKind::bare,    WorkerKind::erratic,
    WorkerKind::script,  WorkerKind::erratic, WorkerKind::pool,
    WorkerKind::pool,    WorkerKind::bare,    WorkerKind::redirecting_pool,
};

// A crash must not fill the guest's memory with a core dump.
void without_core() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

} // namespace

bool is_pool(WorkerKind kind) {
    return kind == WorkerKind::pool || kind == WorkerKind::redirecting_pool;
}

bool is_fenced(WorkerKind kind) {
    return kind == WorkerKind::mapping || kind == WorkerKind::bare || kind == WorkerKind::erratic ||
           kind == WorkerKind::redirecting_pool;
}

const char* name_of(WorkerKind kind) {
    const char* names[] = {"copying", "slow", "waiting in SERVE", "mapping", "bare", "erratic",
                           "script",  "pool", "redirecting pool"};
    return names[static_cast<int>(kind)];
}

namespace {

bool all_threads_stopped(pid_t pid) {
    std::error_code gone;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
        const char state = process_state(std::stoi(task.path().filename()));
        if (state && state != 'T')
            return false;
    }
    return true;
}

} // namespace

bool hold(pid_t pid) {
    ::kill(pid, SIGSTOP);
    EXPECT_TRUE(eventually([=] { return !lives(pid) || all_threads_stopped(pid); }));
    return lives(pid);
}

Fleet::Fleet(const TestDevice& device, std::string segment, Dice& dice)
    : device_(device), segment_(std::move(segment)), dice_(dice) {}

std::string Fleet::segment_path(const std::string& segment) {
    return "/dev/shm/userblk." + segment;
}

Arguments Fleet::command(WorkerKind kind) {
    const std::string number = std::to_string(device_.number());
    const std::string threads = std::to_string(1 + dice_.below(4));
    const std::string store = store_argument();
    switch (kind) {
    case WorkerKind::copying:
        return {built("lone_worker"), number, store, threads};
    case WorkerKind::slow:
        return {built("lone_worker"), number, "delay=1ms," + store, threads};
    case WorkerKind::waiting_in_serve:
        return {built("lone_worker"), number, store, threads, "serve"};
    case WorkerKind::mapping:
        return {built("lone_worker"), number, "mem:" + segment_, threads};
    case WorkerKind::bare:
        return {built("poll_get_put"), device_.control_path(), segment_path(segment_)};
    case WorkerKind::erratic:
        return {built("storm_worker"), device_.control_path(), segment_path(segment_),
                std::to_string(dice_.below(1'000'000))};
    case WorkerKind::script:
        return {"python3", USERBLK_EXAMPLES "/worker.py", device_.control_path(),
                segment_path(segment_)};
    default:
        break;
    }
    Arguments argv{built("userblkctl"), "serve", number,      store,
                   "--workers",         "2",     "--threads", threads};
    if (kind == WorkerKind::redirecting_pool)
        argv.push_back("--redirect");
    if (dice_.below(2))
        argv.push_back("--wait=poll");
    return argv;
}

void Fleet::add(WorkerKind kind) {
    members_.push_back({kind, Program(command(kind), without_core)});
    started_[kind]++;
}

void Fleet::fill() {
    look_around();
    // The workers of a pool may not have started yet.
    std::size_t count = strays_.size();
    for (const Member& member : members_)
        count += is_pool(member.kind) ? 2 : 1;
    while (count < wanted_) {
        const WorkerKind kind = kinds[dice_.below(kinds.size())];
        if (is_pool(kind) && count + 2 > wanted_)
            continue;
        add(kind);
        count += is_pool(kind) ? 2 : 1;
    }
}

// Drops workers that died; workers that lost their supervisor go on alone.
void Fleet::look_around() {
    for (auto member = members_.begin(); member != members_.end();) {
        if (member->program.running()) {
            if (is_pool(member->kind))
                member->seen = children_of(member->program.pid());
            ++member;
            continue;
        }
        const Outcome outcome = member->program.wait();
        if (outcome.status < 128)
            complaints_.push_back(name_of(member->kind) +
                                  std::string(" worker ended with status ") +
                                  std::to_string(outcome.status) + ": " + outcome.text());
        for (const pid_t pid : member->seen)
            strays_.push_back({pid, member->kind});
        member = members_.erase(member);
    }
    std::erase_if(strays_, [](const Target& stray) { return !lives(stray.pid); });
}

std::vector<Target> Fleet::workers() {
    look_around();
    std::vector<Target> result = strays_;
    for (const Member& member : members_)
        if (!is_pool(member.kind))
            result.push_back({member.program.pid(), member.kind});
        else
            for (const pid_t pid : member.seen)
                result.push_back({pid, member.kind});
    return result;
}

std::vector<Target> Fleet::supervisors() {
    look_around();
    std::vector<Target> result;
    for (const Member& member : members_)
        if (is_pool(member.kind))
            result.push_back({member.program.pid(), member.kind, true});
    return result;
}

std::optional<Target> Fleet::random_worker() {
    const std::vector<Target> all = workers();
    if (all.empty())
        return {};
    return all[dice_.below(static_cast<unsigned int>(all.size()))];
}

std::optional<Target> Fleet::random_worker(WorkerKind kind) {
    std::vector<Target> all = workers();
    std::erase_if(all, [=](const Target& target) { return target.kind != kind; });
    if (all.empty())
        return {};
    return all[dice_.below(static_cast<unsigned int>(all.size()))];
}

void Fleet::halt_supervisors() {
    for (const Target& target : supervisors())
        hold(target.pid);
}

void Fleet::let_supervise() {
    for (const Target& target : supervisors())
        ::kill(target.pid, SIGCONT);
}

void Fleet::kill_all() {
    halt_supervisors();
    std::vector<pid_t> pids;
    for (const Target& target : workers())
        pids.push_back(target.pid);
    for (const Target& target : supervisors())
        pids.push_back(target.pid);
    kill_each(pids);
}

} // namespace userblk::test
