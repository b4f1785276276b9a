// SPDX-License-Identifier: MIT
//
// Everything at once, for a short time: calls may be refused, but no request may be lost and no
// byte be wrong. Each test names the windows it aims at; a window that is never hit is a failure.
#include <atomic>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include <unistd.h>

#include "tests/support/kernel_test.hpp"
#include "tests/support/process.hpp"
#include "tests/support/race.hpp"
#include "tests/support/server.hpp"
#include "tests/support/traffic.hpp"

namespace userblk::test {

class Races : public KernelTest {
protected:
    static constexpr std::uint64_t block = 4096;
    static constexpr std::uint64_t blocks = 256; // that I/O goes to, 64 KiB apart
    static constexpr auto run_time = std::chrono::milliseconds(2000);

    Store store = make_store(default_size);

    // Each block always has the same bytes: a late worker that writes them again changes nothing.
    static void fill_block(void* to, std::uint64_t number) { fill_pattern(to, block, number); }
    static std::uint64_t offset_of(std::uint64_t number) { return number * (64 << 10); }

    // Writes and verified reads until the time is over; returns the number of rounds.
    static std::size_t run_io(TestDevice& device, std::chrono::milliseconds time) {
        const auto end = std::chrono::steady_clock::now() + time;
        std::size_t rounds = 0;
        std::minstd_rand random(7);
        while (std::chrono::steady_clock::now() < end && !HasFailure()) {
            std::vector<Place> places;
            const std::uint64_t first = random() % blocks;
            for (std::uint64_t i = 0; i < 24; i++) {
                const std::uint64_t number = (first + i) % blocks;
                places.push_back({offset_of(number), number});
            }
            write_and_compare(device, places, block);
            rounds++;
        }
        return rounds;
    }
    // The same, repeated a few times until the windows are hit.
    template <class Met>
    static void run_io(TestDevice& device, std::chrono::milliseconds time, Met met) {
        std::size_t rounds = run_io(device, time);
        for (int again = 0; again < 10 && !met() && !HasFailure(); again++)
            rounds += run_io(device, time);
        EXPECT_GT(rounds, 0u);
    }

    // Threads that repeat a step until the object is destroyed.
    class Crowd {
    public:
        ~Crowd() {
            over_ = true;
            for (std::thread& thread : threads_)
                thread.join();
        }
        void add(std::function<void()> step) {
            threads_.emplace_back([this, step = std::move(step)] {
                while (!over_)
                    step();
            });
        }

    private:
        std::atomic<bool> over_ = false;
        std::vector<std::thread> threads_;
    };
};

// Several workers, and a thread that resets all of them all the time.
TEST_F(Races, ResetAllAgainstWorkers) {
    TestDevice device;
    Window put_back("RESET between GET and PUT");
    Window stale("PUT after the RESET");
    const auto met = [&] {
        const userblk_info now = info(device.control());
        put_back.set(now.put_back, now.resets);
        stale.set(now.stale, now.put_back);
        return now.put_back && now.stale;
    };
    Crowd crowd;
    for (int i = 0; i < 3; i++)
        crowd.add([&] { serve_once(device.control(), store, 5'000'000); });
    crowd.add([&] {
        reset_all(device.control());
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    run_io(device, run_time, met);
    EXPECT_TRUE(met());
}

// A thread answers, gives back and adopts other workers' requests, with stale ids among them.
TEST_F(Races, StrangersAnswerAndGiveBack) {
    TestDevice device;
    Window given_back("a stranger gives back between GET and PUT");
    Window adopted("a stranger adopts between GET and PUT");
    Window stale("PUT after the giving back");
    const auto met = [&] {
        const userblk_info now = info(device.control());
        given_back.set(now.given_back, now.gets);
        stale.set(now.stale, now.given_back);
        return given_back.hits() && stale.hits() && adopted.hits();
    };
    std::atomic<std::uint64_t> seen = 0;
    Crowd crowd;
    for (int i = 0; i < 2; i++)
        crowd.add([&] {
            std::vector<userblk_request> requests(8, record());
            const GetResult result = get(device.control(), requests, 5'000'000);
            for (std::uint32_t at = 0; at < result.count; at++) {
                seen = requests[at].id;
                put(device.control(), serve_from(store, requests[at]));
            }
        });
    crowd.add([&] { put(device.control(), give_back(seen)); });
    crowd.add([&] {
        adopted.tried(put(device.control(), adopt(seen)) == 0);
        info(device.control());
        taken_list(device.control());
    });
    run_io(device, run_time, met);
    EXPECT_TRUE(met());
}

// The size changes all the time, but never below what is in use.
TEST_F(Races, ResizeAgainstIo) {
    TestDevice device;
    Server server(device, store);
    Window busy("RESIZE while requests wait or are taken");
    Crowd crowd;
    crowd.add([&] {
        const userblk_info now = info(device.control());
        busy.tried(now.queued + now.taken);
        resize(device.control(), default_size * 2);
        resize(device.control(), default_size);
    });
    run_io(device, run_time, [&] { return busy.hits() > 0; });
}

// Two hardware queues, workers with hints, bursts of requests.
TEST_F(Races, QueuesAndHints) {
    USERBLK_REQUIRES_PROCESSORS(2);
    userblk_config config = test_config();
    config.queues = 2;
    config.depth = 16;
    TestDevice device(config);
    Window own("GET finds the queue that it was told");
    Window another("GET finds that one empty, and another not");
    Window put_back("RESET of two queues between GET and PUT");
    Crowd crowd;
    for (std::uint32_t queue = 0; queue < 2; queue++)
        crowd.add([&, queue] {
            std::vector<userblk_request> requests(4, record());
            const GetResult result = get(device.control(), requests, 5'000'000, 0, queue);
            for (std::uint32_t i = 0; i < result.count; i++) {
                own.tried(requests[i].queue == queue);
                another.tried(requests[i].queue != queue);
                put(device.control(), serve_from(store, requests[i]));
            }
        });
    crowd.add([&] {
        reset_all(device.control());
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    });
    const auto met = [&] {
        const userblk_info now = info(device.control());
        put_back.set(now.put_back, now.resets);
        return now.put_back && own.hits() && another.hits();
    };
    for (unsigned int round = 0; round < 2; round++) {
        OnProcessor here(round);
        run_io(device, run_time / 2, met);
    }
    EXPECT_TRUE(met());
}

// Devices are created, used by several threads and force-removed in the middle of that.
TEST_F(Races, RemovalAgainstEverything) {
    Window waiting("REMOVE while requests wait");
    Window taken("REMOVE while requests are taken");
    Window served("REMOVE after some were served");
    const auto met = [&] { return waiting.hits() && taken.hits() && served.hits(); };
    for (int round = 0; (round < 8 || (round < 200 && !met())) && !HasFailure(); round++) {
        TestDevice device;
        std::vector<Io> ios = device.read_burst(60);
        for (std::uint64_t i = 0; i < 20; i++)
            ios.push_back(device.write(i << 16, pattern(block, i)));
        {
            // They start once we are ready to look, so that it is not over before.
            std::atomic<bool> go = false;
            Crowd crowd;
            for (int i = 0; i < 2; i++)
                crowd.add([&] {
                    while (!go)
                        std::this_thread::yield();
                    serve_once(device.control(), store, 5'000'000);
                });
            crowd.add([&] {
                reset_all(device.control());
                poll_events(device.control(), POLLIN);
            });
            crowd.add([&] {
                userblk_info argument = info_argument();
                ioctl_error(device.control(), USERBLK_INFO, &argument);
                resize(device.control(), default_size);
            });
            go = true;
            if (round % 2)
                std::this_thread::sleep_for(std::chrono::milliseconds(2 * (round % 8)));
            userblk_info now = info(device.control());
            while (round % 2 == 0 && now.queued && !now.taken)
                now = info(device.control());
            waiting.tried(now.queued);
            taken.tried(now.taken);
            EXPECT_EQ(device.remove(), 0);
        }
        bool some = false;
        for (const Io& io : ios) {
            const int error = io->result();
            EXPECT_TRUE(!error || error == EIO || error == ENODEV || error == ENXIO) << error;
            some |= !error;
        }
        served.tried(some);
    }
}

// Several threads create, list and remove devices of one number and one name: each device is
// removed exactly once, and none is left.
TEST_F(Races, CreateAgainstRemove) {
    std::atomic<int> created = 0, removed = 0;
    {
        Window taken("CREATE refused while another makes that number");
        Window gone("REMOVE refused while another removes it");
        Crowd crowd;
        for (int i = 0; i < 2; i++)
            crowd.add([&] {
                userblk_config config = test_config();
                config.number = 5;
                set_name(config, "one");
                const int before = created;
                const int error = create(config);
                EXPECT_TRUE(!error || error == EEXIST) << error;
                created += !error;
                taken.tried(error && created != before);
            });
        for (int i = 0; i < 2; i++)
            crowd.add([&] {
                const int before = removed;
                const int error = remove_device(5, USERBLK_REMOVE_FORCE);
                EXPECT_TRUE(!error || error == ENODEV) << error;
                removed += !error;
                gone.tried(error && removed != before);
            });
        crowd.add([&] { EXPECT_LE(list_devices().size(), 1u); });
        for (int i = 0; i < 20 && (i < 2 || !taken.hits() || !gone.hits()); i++)
            std::this_thread::sleep_for(run_time / 4);
    }
    removed += !remove_device(5, USERBLK_REMOVE_FORCE);
    EXPECT_EQ(created, removed);
    EXPECT_GT(created, 0);
}

// Workers waiting in SERVE are killed at random and replaced while a writer runs. A killed one may
// have just been woken. Every write completes with every byte.
TEST_F(Races, WaitersAreKilledWhileAWriterGoesOn) {
    TestDevice device;
    Window in_hand("SIGKILL between GET and PUT");
    Window waiting("SIGKILL of one that waits, while others have work");
    const auto worker = [&] {
        return Child([&](ChildSide&) -> int {
            const Fd fd = device.open_control();
            std::minstd_rand random(static_cast<unsigned int>(getpid()));
            userblk_answer answer{};
            bool answered = true;
            for (;;) {
                userblk_request request = record();
                userblk_serve argument = serve_argument({&answer, answered ? 0u : 1u},
                                                        {&request, 1}, for_ever, USERBLK_GET_WATCH);
                if (serve(fd.get(), argument))
                    return 1;
                answered = !argument.get.count;
                if (!answered && random() % 8 == 0) // hold the request for a while
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                if (!answered)
                    answer = serve_from(store, request);
                else if (argument.get.flags & USERBLK_GET_ORPHANS)
                    reset_dead(fd.get());
            }
        });
    };
    std::vector<Child> workers;
    for (int i = 0; i < 5; i++)
        workers.push_back(worker());
    std::atomic<bool> over = false;
    std::thread writer([&] {
        run_io(device, run_time, [&] { return info(device.control()).put_back && waiting.hits(); });
        over = true;
    });
    std::minstd_rand random(11);
    std::size_t kills = 0;
    while (!over) {
        // Every other victim is one that holds a request, if any does.
        const std::size_t any = random() % workers.size();
        Child& victim = kills % 2 ? holder_among(workers, device.control(), any) : workers[any];
        const bool others_work = info(device.control()).taken;
        waiting.tried(kills % 2 == 0 && others_work && process_state(victim.pid()) == 'S');
        victim.kill();
        victim = worker();
        kills++;
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    }
    writer.join();
    in_hand.set(info(device.control()).put_back, kills);
    EXPECT_EQ(info(device.control()).errors, 0u);
}

// Workers driven by poll are killed in the middle of their work; the others recover the queue
// because poll notifies them, not at intervals.
TEST_F(Races, PollersHealTheQueue) {
    TestDevice device;
    Window in_hand("SIGKILL between GET and PUT");
    const auto worker = [&] {
        return Child([&](ChildSide&) -> int {
            const Fd fd = device.open_control();
            std::minstd_rand random(static_cast<unsigned int>(getpid()));
            return serve_by_poll(fd.get(), [&] {
                std::vector<userblk_request> requests(8, record());
                const GetResult got = get(fd.get(), requests);
                if (random() % 4 == 0) // hold the requests for a while
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                for (std::uint32_t i = 0; i < got.count; i++)
                    put(fd.get(), serve_from(store, requests[i]));
            });
        });
    };
    std::vector<Child> workers;
    for (int i = 0; i < 4; i++)
        workers.push_back(worker());
    std::atomic<bool> over = false;
    std::thread writer([&] {
        run_io(device, run_time, [&] { return info(device.control()).put_back > 0; });
        over = true;
    });
    std::minstd_rand random(13);
    std::size_t kills = 0;
    while (!over) {
        // Every other victim is one that holds a request, if any does.
        const std::size_t any = random() % workers.size();
        Child& victim = kills % 2 ? holder_among(workers, device.control(), any) : workers[any];
        victim.kill();
        victim = worker();
        kills++;
        // Even on a slow machine, some of them must get as far as GET.
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % (30 * slowness())));
    }
    writer.join();
    in_hand.set(info(device.control()).put_back, kills);
    EXPECT_EQ(info(device.control()).errors, 0u);
    EXPECT_EQ(info(device.control()).taken, 0u);
}

// A taker dies at the very moment at which another process answers, adopts, resets or lists its
// request.
class DeathRaces : public Races {
protected:
    static constexpr std::size_t kinds = 4;

    TestDevice device;
    Aim aim;

    static const char* name(std::size_t kind) {
        const char* names[kinds] = {"PUT", "ADOPT", "RESET of all", "INFO"};
        return names[kind];
    }
    void act(std::size_t kind, std::uint64_t id) {
        switch (kind) {
        case 0:
            put(device.control(), complete(id, -ENOSPC));
            break;
        case 1:
            put(device.control(), adopt(id));
            break;
        case 2:
            reset_all(device.control());
            break;
        default:
            taken_list(device.control());
        }
    }
    // Whether the taker was alive before the call and dead after it.
    bool die_during(std::size_t kind) {
        const Io io = device.read(0, block);
        Child dying([&](ChildSide& side) -> int {
            side.tell(take(device.control()).id);
            side.sleep_for_ever();
        });
        const std::uint64_t id = dying.await();
        dying.signal(SIGKILL);
        aim.wait();
        const bool lived = process_state(dying.pid()) != 'Z';
        act(kind, id);
        const bool dead = process_state(dying.pid()) == 'Z';
        if (!lived)
            aim.came_late();
        else if (!dead)
            aim.came_early();
        dying.wait();
        expect_one_end(io, id);
        return lived && dead;
    }
    void expect_one_end(const Io& io, std::uint64_t id) {
        const std::uint64_t orphaned = info(device.control()).orphaned;
        EXPECT_EQ(reset_dead(device.control()).count, orphaned);
        EXPECT_EQ(reset_dead(device.control()).count, 0u);
        put(device.control(), complete(id, -ENOSPC)); // in case it was adopted
        if (info(device.control()).queued) {
            EXPECT_EQ(put(device.control(), complete(take(device.control()).id, -ENOSPC)), 0);
        }
        EXPECT_EQ(io->result(), ENOSPC);
        EXPECT_EQ(poll_events(device.control(), POLLPRI), 0);
    }
};

// The request ends exactly once, whichever comes first.
TEST_F(DeathRaces, AgainstAnswers) {
    for (std::size_t kind = 0; kind < kinds; kind++) {
        Window window(std::string("the taker dies during ") + name(kind));
        for (int round = 0; (round < 16 || (round < 400 && !window.hits())) && !HasFailure();
             round++)
            window.tried(die_during(kind));
    }
}

} // namespace userblk::test
