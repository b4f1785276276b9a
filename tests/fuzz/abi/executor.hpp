// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/fuzz/abi/block_io.hpp"
#include "tests/fuzz/abi/coverage.hpp"
#include "tests/fuzz/abi/device_pair.hpp"
#include "tests/fuzz/abi/program.hpp"
#include "tests/fuzz/abi/step.hpp"
#include "tests/fuzz/abi/targets.hpp"
#include "tests/fuzz/abi/thread_pool.hpp"
#include "tests/support/pending_io.hpp"

namespace userblk::fuzz {

// A fault of the module, as far as the fuzzer can detect it.
class Finding : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Where the threads of a process record coverage; create it before privileges are dropped.
struct Records {
    static constexpr std::size_t pool_size = 6;
    Kcov own, child;
    std::vector<std::unique_ptr<Kcov>> pool;
    Records();
};

// Runs programs, one after another, on the devices that the manager made. Throws Finding.
class Executor {
public:
    Executor(Channel& channel, Shared& shared, const Targets& targets, Records& records);

    // Makes the calls, ends everything that they started, and checks that the devices still work.
    void run(const Program& program);
    // The coverage of the last program, thread by thread.
    std::vector<std::span<const std::uint64_t>> traces() const;

    // The devices have been used long enough, or a program removed one.
    bool wants_renewal() const { return broken_ || runs_ >= most_runs; }
    // Gets new devices; checks that the old ones left nothing behind.
    void renew();
    // Gives the devices back.
    void leave();

private:
    static constexpr unsigned int most_runs = 200;

    struct Created {
        std::uint32_t number;
        test::Fd node, disk;
    };

    // executor.cpp: the calls
    void begin();
    void execute(const Call& call);
    std::uint64_t resolve(const Parameter& parameter, const Value& value);
    std::vector<std::uint64_t> resolve(const Call& call);
    void gather_answer(const Step& step, const Call& call);
    void gather_extent(const Step& step);
    bool may_wait_for_us(const Step& step) const;
    void make(Step step, Actor actor);
    void make_in_child(const Step& step, bool exec);
    void start_io(const Step& step);
    void open_node(const Step& step);
    void close_node(int fd);
    void open_created();
    void check_deliveries();
    void fill_in_files();

    // cleanup.cpp: what follows them
    void clean_up(bool removes_at_once);
    void remove_created();
    bool drain(int node, std::uint64_t instance);
    void drain_all();
    void close_handles();
    void restore_size(const DevicePair::Device& device);
    void check_service(const DevicePair::Device& device, std::uint64_t instance);
    bool check_io(const DevicePair::Device& device, std::uint64_t instance);
    void note_delivery(std::uint64_t instance, std::uint64_t id);

    Channel& channel_;
    Shared& shared_;
    const Targets& targets_;
    Records& records_;
    CallBuffers buffers_;
    ThreadPool pool_;
    BlockIo io_;
    test::Aio aio_{8}; // for the checks
    std::uint64_t checks_ = 0;
    DevicePair pair_;
    Files files_{};
    std::uint64_t instances_ = 0;
    std::uint64_t first_instance_ = 0; // of device 0; device 1 has the next one
    bool broken_ = false;
    unsigned int runs_ = 0;
    std::set<std::pair<std::uint64_t, std::uint64_t>> delivered_; // instance and id

    // Of the current program.
    std::vector<Handle> handles_;
    std::vector<test::Fd> opened_;
    std::vector<Created> created_;
    std::uint64_t first_taken_ = 0, checked_ = 0;
    std::vector<GatheredAnswer> answers_;
    std::vector<userblk_extent> extents_;
    int child_ = 0;
    std::size_t own_trace_ = 0;
};

} // namespace userblk::fuzz
