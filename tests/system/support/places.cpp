// SPDX-License-Identifier: MIT
#include "tests/system/support/places.hpp"

#include <filesystem>

#include "tests/system/support/drivers.hpp"

namespace userblk::test {

namespace {

bool has_open(pid_t pid, const std::string& path) {
    std::error_code error;
    const std::string folder = "/proc/" + std::to_string(pid);
    if (std::filesystem::read_symlink(folder + "/exe", error) ==
        std::filesystem::read_symlink("/proc/self/exe"))
        return false; // not exec'ed yet: these are our descriptors
    for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", error))
        if (std::filesystem::read_symlink(entry, error) == path)
            return true;
    return false;
}

} // namespace

std::ostream& operator<<(std::ostream& out, Driver driver) {
    const char* names[] = {"stripe", "forward", "worker_py"};
    return out << names[static_cast<int>(driver)];
}

Service::Service(const TestDevice& device, Driver driver, std::vector<std::string> files)
    : control_(device.control_path()), files_(std::move(files)), driver_(driver) {
    if (driver == Driver::forward)
        start_peer();
    if (driver == Driver::stripe)
        programs_.push_back(start());
    else
        for (int i = 0; i < 3; i++)
            programs_.push_back(start());
    EXPECT_TRUE(answers(device));
}

std::vector<pid_t> Service::workers() const {
    if (driver_ == Driver::stripe)
        return children_of(programs_.front().pid());
    std::vector<pid_t> result;
    for (const Program& program : programs_)
        result.push_back(program.pid());
    return result;
}

void Service::kill(pid_t pid) {
    if (driver_ == Driver::stripe)
        return kill_each({pid}); // its supervisor starts another
    for (Program& program : programs_)
        if (program.pid() == pid) {
            program.kill();
            program = start();
        }
}

void Service::start_peer() {
    peer_.clear();
    peer_.push_back(Program({built("forward_peer"), socket(), files_.front()}));
    EXPECT_TRUE(eventually([&] { return std::filesystem::exists(socket()); }));
}

void Service::await_end() {
    for (Program& program : programs_) {
        const Outcome outcome = program.wait(2 * patience);
        EXPECT_EQ(outcome.status, 0) << outcome.text();
    }
}

Arguments Service::command() const {
    if (driver_ == Driver::forward)
        return {built("forward"), control_, socket()};
    if (driver_ == Driver::worker_py)
        return {"/usr/bin/python3", USERBLK_EXAMPLES "/worker.py", control_, files_.front()};
    Arguments argv{built("stripe"), control_, "--workers", "3", "--"};
    argv.insert(argv.end(), files_.begin(), files_.end());
    return argv;
}

// Returns once the driver has opened the control node.
Program Service::start() const {
    Program program(command());
    EXPECT_TRUE(eventually([&] { return has_open(program.pid(), control_); })) << program.err();
    return program;
}

std::vector<std::string> Places::stores(Driver driver, std::uint64_t size) const {
    if (driver != Driver::stripe)
        return {make_file("store.img", size)};
    return {make_file("a.img", 0), make_file("b.img", 0), make_file("c.img", 0)};
}

userblk_config Places::config(Driver driver, std::uint64_t size) {
    userblk_config result = full_config(size);
    result.chunk_size = driver == Driver::stripe ? stripe_unit : 0;
    return result;
}

} // namespace userblk::test
