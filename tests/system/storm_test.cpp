// SPDX-License-Identifier: MIT
//
// Everything that can happen to workers, at random moments, under writers that know what they
// wrote. $USERBLK_STORM_SEED repeats the choices of a run, $USERBLK_STORM_SECONDS changes its
// length, and with $USERBLK_STORM_TELL each blow is logged as it comes.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>

#include <sys/mman.h>

#include "tests/support/process.hpp"
#include "tests/system/support/delivery_audit.hpp"
#include "tests/system/support/fio.hpp"
#include "tests/system/support/fleet.hpp"
#include "tests/system/support/record_writer.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

namespace {

constexpr std::uint64_t fio_size = 8 * mib;    // then the records follow
constexpr std::uint64_t first_size = 16 * mib; // of the device, which grows
constexpr std::uint64_t last_size = 40 * mib;

unsigned int number_from_environment(const char* name, unsigned int otherwise) {
    const char* text = std::getenv(name);
    return text ? static_cast<unsigned int>(std::strtoul(text, nullptr, 10)) : otherwise;
}

// Seconds since the first call, and what starts now.
void tell(const std::string& what) {
    static const auto begin = std::chrono::steady_clock::now();
    if (!std::getenv("USERBLK_STORM_TELL"))
        return;
    const std::chrono::duration<double> now = std::chrono::steady_clock::now() - begin;
    std::printf("[ storm    ] %8.3f %s\n", now.count(), what.c_str());
    std::fflush(stdout);
}

// The memory in which all workers keep the data: larger than any device here.
class Segment {
public:
    explicit Segment(std::string name) : name_(std::move(name)) {
        const Fd fd(open(path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!fd.open() || ftruncate(fd.get(), last_size))
            throw_errno("unable to make " + path());
        data_ = mmap(nullptr, last_size, PROT_READ, MAP_SHARED, fd.get(), 0);
        if (data_ == MAP_FAILED)
            throw_errno("unable to map " + path());
    }
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment() {
        munmap(data_, last_size);
        unlink(path().c_str());
        unlink((path() + "~discards").c_str());
    }
    const std::string& name() const { return name_; }
    std::string path() const { return Fleet::segment_path(name_); }
    const void* data() const { return data_; }

private:
    std::string name_;
    void* data_;
};

// What happened, over all rounds.
struct Tally {
    std::vector<std::size_t> deck; // blows to come
    std::map<std::string, unsigned int> blows;
    unsigned int kills = 0, kills_met = 0, held = 0;
    unsigned int reloads_done = 0, reloads_failed = 0;
    std::uint64_t deliveries = 0, redeliveries = 0, put_back = 0, adopted = 0, given_back = 0;
    std::uint64_t redirected = 0, stale = 0, completed = 0;
    std::map<std::string, unsigned int> started;
};

// Processes that reset for the dead repeatedly, whether or not any worker has died.
class Resetters {
public:
    Resetters(const TestDevice& device, unsigned int count, Dice& dice) {
        for (unsigned int i = 0; i < count; i++)
            children_.emplace_back([&device, seed = dice.below(1'000'000)](ChildSide&) {
                Dice own(seed);
                const Fd fd = device.open_control();
                while (!reset_dead(fd.get()).error)
                    own.sleep_up_to(60ms);
                return 0;
            });
    }

private:
    std::vector<Child> children_;
};

// One device in the storm.
class Round {
public:
    Round(std::uint64_t& size, const Segment& segment, RecordWriter& writer, Dice& dice,
          Tally& tally)
        : size_(size), segment_(segment), writer_(writer), dice_(dice), tally_(tally),
          device_(config()), audit_(), fleet_(device_, segment.name(), dice) {}

    void run(std::chrono::seconds duration);
    // The number of kinds of blows.
    static std::size_t blows() { return kinds().size(); }

private:
    struct Kind {
        const char* name;
        unsigned int weight;
        bool (Round::*strike)(); // false: there was no occasion
    };
    static const std::vector<Kind>& kinds();

    userblk_config config();
    void storm(Fio& fio, std::chrono::seconds duration);
    void strike_one();
    void finish(Fio& fio);

    bool kill_somebody();
    bool kill_a_holder();
    bool crash_somebody();
    bool stop_and_continue();
    bool stop_and_kill();
    bool exec_another_worker();
    bool exec_something_else();
    bool put_back_of_the_stopped();
    bool put_back_all_of_the_stopped();
    bool reset_by_several();
    bool kill_a_supervisor();
    bool kill_everybody();
    bool grow();
    bool reload();

    std::vector<Target> candidates();
    std::size_t held_by(pid_t pid) const;
    void end_by(pid_t pid, int signal);
    void count_kill(bool met) {
        tally_.kills++;
        tally_.kills_met += met;
    }
    void expect_refused(std::uint64_t before, std::size_t answers);
    void collect_reload();

    std::uint64_t& size_;
    const Segment& segment_;
    RecordWriter& writer_;
    Dice& dice_;
    Tally& tally_;
    TestDevice device_;
    DeliveryAudit audit_;
    Fleet fleet_;
    std::optional<Resetters> resetters_;
    std::optional<Program> reload_;
};

const std::vector<Round::Kind>& Round::kinds() {
    static const std::vector<Kind> all{
        {"kill", 6, &Round::kill_somebody},
        {"kill with requests in hand", 6, &Round::kill_a_holder},
        {"crash", 3, &Round::crash_somebody},
        {"stop, continue", 4, &Round::stop_and_continue},
        {"stop, kill", 3, &Round::stop_and_kill},
        {"exec of another worker", 3, &Round::exec_another_worker},
        {"exec of something else", 2, &Round::exec_something_else},
        {"reset of the stopped", 4, &Round::put_back_of_the_stopped},
        {"reset of all, stopped", 1, &Round::put_back_all_of_the_stopped},
        {"resets by several", 2, &Round::reset_by_several},
        {"kill of a supervisor", 2, &Round::kill_a_supervisor},
        {"kill of everybody", 1, &Round::kill_everybody},
        {"grow", 2, &Round::grow},
        {"reload", 2, &Round::reload},
    };
    return all;
}

userblk_config Round::config() {
    userblk_config config = test_config(size_);
    config.flags |= USERBLK_F_CACHE | USERBLK_F_FUA;
    config.queues = 1 + dice_.below(2);
    config.depth = 16u << dice_.below(4);
    return config;
}

void Round::run(std::chrono::seconds duration) {
    fleet_.want(1 + dice_.below(8));
    fleet_.fill();
    tell("a new device");
    EXPECT_TRUE(answers(device_));
    // Without them only the kernel's notice brings back what the dead held.
    if (dice_.below(2))
        resetters_.emplace(device_, 3, dice_);
    writer_.start(device_.block_path(), size_);
    Fio fio({.target = device_.block_path(), .size = "8m", .runtime = duration});
    if (fio.await_traffic(device_))
        storm(fio, duration);
    finish(fio);
}

void Round::storm(Fio& fio, std::chrono::seconds duration) {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (std::chrono::steady_clock::now() < end && fio.running()) {
        if (!dice_.below(4))
            fleet_.want(1 + dice_.below(8));
        fleet_.fill();
        dice_.sleep_up_to(150ms);
        strike_one();
        tell("after it");
        collect_reload();
    }
}

// Draws like cards from a deck, so that a short storm has some of everything.
void Round::strike_one() {
    if (tally_.deck.empty())
        for (std::size_t i = 0; i < kinds().size(); i++)
            tally_.deck.insert(tally_.deck.end(), kinds()[i].weight, i);
    const auto card =
        tally_.deck.begin() + dice_.below(static_cast<unsigned int>(tally_.deck.size()));
    const Kind& kind = kinds()[*card];
    tally_.deck.erase(card);
    tell(kind.name);
    if ((this->*kind.strike)())
        tally_.blows[kind.name]++;
}

// Everything is answered and verified; then all servers die, so that unanswered requests are put
// back and the audit can close its books. The device is removed while others serve it.
void Round::finish(Fio& fio) {
    fleet_.want(3);
    fleet_.fill();
    tell("the end of the writer");
    writer_.stop();
    tell("the end of fio");
    fio.finish();
    tell("the end of the device");
    EXPECT_EQ(writer_.check_store(segment_.data()), "");
    resetters_.reset();
    reload_.reset();
    fleet_.kill_all();
    EXPECT_TRUE(eventually([&] {
        const userblk_info now = info(device_.control());
        return now.taken == now.orphaned && !now.redirected;
    }));
    reset_dead(device_.control());
    for (const std::string& complaint : audit_.finish())
        ADD_FAILURE() << complaint;
    for (const std::string& complaint : fleet_.complaints())
        ADD_FAILURE() << complaint;
    const userblk_info now = info(device_.control());
    EXPECT_EQ(now.errors, 0u);
    EXPECT_EQ(now.exhausted + now.expired, 0u);
    EXPECT_GE(audit_.redeliveries() + audit_.adopted(), now.put_back);
    tally_.deliveries += audit_.deliveries();
    tally_.redeliveries += audit_.redeliveries();
    tally_.put_back += audit_.put_back();
    tally_.adopted += audit_.adopted();
    tally_.redirected += audit_.redirected();
    tally_.given_back += now.given_back;
    tally_.stale += now.stale;
    tally_.completed += now.reads + now.writes + now.flushes;
    fleet_.want(2);
    fleet_.fill();
    for (const auto& [kind, count] : fleet_.started())
        tally_.started[name_of(kind)] += count;
    EXPECT_EQ(device_.remove(), 0);
}

// ------------------------------------------------------------------- the blows

std::size_t Round::held_by(pid_t pid) const {
    const std::vector<userblk_taken> list = taken_list(device_.control());
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [=](const userblk_taken& one) { return one.pid == pid; }));
}

// At an arbitrary moment: what it left, or what was put back, reveals whether it met requests.
void Round::end_by(pid_t pid, int signal) {
    const std::uint64_t before = info(device_.control()).put_back;
    ::kill(pid, signal);
    EXPECT_TRUE(eventually([=] { return !lives(pid); })) << pid << " does not die";
    bool met = held_by(pid) > 0;
    if (!met)
        dice_.sleep_up_to(20ms);
    met = met || info(device_.control()).put_back > before;
    count_kill(met);
}

bool Round::kill_somebody() {
    const auto target = fleet_.random_worker();
    if (target)
        end_by(target->pid, SIGKILL);
    return target.has_value();
}

bool Round::crash_somebody() {
    const auto target = fleet_.random_worker();
    if (target)
        end_by(target->pid, SIGSEGV);
    return target.has_value();
}

// Some workers are so quick that they seldom hold anything.
std::vector<Target> Round::candidates() {
    const std::vector<Target> once = fleet_.workers();
    std::vector<Target> result;
    for (int i = 0; i < 10; i++)
        result.insert(result.end(), once.begin(), once.end());
    return result;
}

bool Round::kill_a_holder() {
    for (const Target& target : candidates()) {
        if (!hold(target.pid))
            continue;
        const std::size_t held = held_by(target.pid);
        if (!held) {
            ::kill(target.pid, SIGCONT);
            continue;
        }
        kill_each({target.pid});
        count_kill(true);
        tally_.held += static_cast<unsigned int>(held);
        return true;
    }
    return false;
}

bool Round::stop_and_continue() {
    const auto target = fleet_.random_worker();
    if (!target || !hold(target->pid))
        return false;
    dice_.sleep_up_to(300ms);
    ::kill(target->pid, SIGCONT);
    return true;
}

bool Round::stop_and_kill() {
    const auto target = fleet_.random_worker();
    if (!target || !hold(target->pid))
        return false;
    dice_.sleep_up_to(300ms);
    count_kill(held_by(target->pid) > 0);
    kill_each({target->pid});
    return true;
}

bool Round::exec_another_worker() {
    const auto target = fleet_.random_worker(WorkerKind::erratic);
    if (target)
        ::kill(target->pid, SIGUSR1);
    return target.has_value();
}

// No process gets a notice of this one: somebody has to ask.
bool Round::exec_something_else() {
    const auto target = fleet_.random_worker(WorkerKind::erratic);
    if (!target)
        return false;
    ::kill(target->pid, SIGUSR2);
    const std::string comm = "/proc/" + std::to_string(target->pid) + "/comm";
    EXPECT_TRUE(eventually([&] {
        std::string name;
        std::getline(std::ifstream(comm) >> std::ws, name);
        return name == "sleep" || !lives(target->pid);
    }));
    count_kill(reset_dead(device_.control()).count > 0);
    kill_each({target->pid});
    return true;
}

void Round::expect_refused(std::uint64_t before, std::size_t answers) {
    EXPECT_TRUE(eventually([&] { return info(device_.control()).stale >= before + answers; }))
        << answers << " late answers, not all of them refused";
}

// The forced form. All threads of a stopped worker are outside the kernel, so none of its own
// writes is under way. A fenced worker may continue, and its late answers are refused; the others
// would write to the store before they learn of that, and must not wake up again.
bool Round::put_back_of_the_stopped() {
    for (const Target& target : candidates()) {
        if (!hold(target.pid))
            continue;
        const std::uint64_t stale = info(device_.control()).stale;
        const std::uint32_t count = reset_pid(device_.control(), target.pid).count;
        if (count)
            dice_.sleep_up_to(200ms);
        if (is_fenced(target.kind) || !count) {
            ::kill(target.pid, SIGCONT);
            if (count)
                expect_refused(stale, count);
        } else {
            kill_each({target.pid});
            count_kill(true);
        }
        if (count)
            return true;
    }
    return false;
}

bool Round::put_back_all_of_the_stopped() {
    fleet_.halt_supervisors();
    std::vector<Target> stopped = fleet_.workers();
    std::erase_if(stopped, [](const Target& target) { return !hold(target.pid); });
    std::size_t of_the_fenced = 0;
    for (const Target& target : stopped)
        of_the_fenced += is_fenced(target.kind) ? held_by(target.pid) : 0;
    const std::uint64_t stale = info(device_.control()).stale;
    reset_all(device_.control());
    for (const Target& target : stopped) {
        if (is_fenced(target.kind)) {
            ::kill(target.pid, SIGCONT);
        } else {
            kill_each({target.pid});
            count_kill(false);
        }
    }
    expect_refused(stale, of_the_fenced);
    fleet_.let_supervise();
    return true;
}

// Three tools and a foreign process, all at once, for one death.
bool Round::reset_by_several() {
    if (!kill_a_holder())
        return false;
    std::vector<Program> tools;
    for (int i = 0; i < 3; i++)
        tools.emplace_back(Arguments{built("userblk-recover"), "--reset", device_.name()});
    reset_dead(device_.control());
    for (Program& tool : tools) {
        const Outcome outcome = tool.wait();
        EXPECT_EQ(outcome.status, 0) << outcome.text();
    }
    return true;
}

bool Round::kill_a_supervisor() {
    const std::vector<Target> all = fleet_.supervisors();
    if (all.empty())
        return false;
    const Target& target = all[dice_.below(static_cast<unsigned int>(all.size()))];
    // Workers that it has started by now are recorded first: they serve on.
    hold(target.pid);
    fleet_.workers();
    kill_each({target.pid});
    return true;
}

// All servers die, and the store stays as they left it: what was under way is there or not, and
// never in part of a block.
bool Round::kill_everybody() {
    resetters_.reset();
    fleet_.kill_all();
    EXPECT_TRUE(eventually([&] {
        const userblk_info now = info(device_.control());
        return now.taken == now.orphaned && !now.redirected;
    }));
    count_kill(info(device_.control()).orphaned > 0);
    EXPECT_EQ(writer_.check_store(segment_.data()), "");
    fleet_.fill();
    return true;
}

bool Round::grow() {
    if (size_ >= last_size)
        return false;
    size_ += mib / 2;
    EXPECT_EQ(resize(device_.control(), size_), 0);
    writer_.grow(size_);
    return true;
}

// Every other one has time to finish before the next blow.
bool Round::reload() {
    const std::vector<Target> all = fleet_.supervisors();
    const bool any = std::any_of(all.begin(), all.end(), [](const Target& target) {
        return !children_of(target.pid).empty();
    });
    if (reload_ || !any)
        return false;
    const std::string timeout = std::to_string(20 * slowness()) + "s";
    reload_.emplace(Arguments{built("userblkctl"), "reload", "--timeout", timeout, device_.name()});
    if (dice_.below(2))
        eventually([&] { return !reload_->running(); });
    return true;
}

// A reload may fail, and say so, if a supervisor or a new worker is killed during it; the old
// workers go on.
void Round::collect_reload() {
    if (!reload_ || reload_->running())
        return;
    const Outcome outcome = reload_->wait();
    tell("a reload ended with status " + std::to_string(outcome.status) + ": " + outcome.err);
    (outcome.status ? tally_.reloads_failed : tally_.reloads_done)++;
    reload_.reset();
}

} // namespace

class Storm : public SystemTest {
protected:
    static std::string joined(const std::map<std::string, unsigned int>& counts) {
        std::string text;
        for (const auto& [name, count] : counts)
            text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
        return text;
    }
    static void tell(const Tally& tally, const RecordWriter& writer) {
        const auto line = [](const char* name, auto... numbers) {
            std::string text;
            ((text += (text.empty() ? "" : " / ") + std::to_string(numbers)), ...);
            figure(std::string("storm, ") + name, text);
        };
        figure("storm, blows", joined(tally.blows));
        figure("storm, workers started", joined(tally.started));
        line("kills / that met taken requests", tally.kills, tally.kills_met);
        line("requests completed / deliveries / redeliveries", tally.completed, tally.deliveries,
             tally.redeliveries);
        line("put back / adopted / given back / redirected / late answers refused", tally.put_back,
             tally.adopted, tally.given_back, tally.redirected, tally.stale);
        line("reloads done / failed among the deaths", tally.reloads_done, tally.reloads_failed);
        const RecordWriter::Counts counts = writer.counts();
        line("records acknowledged / of these with FUA / blocks read and compared", counts.written,
             counts.durable, counts.read);
        line("longest I/O, ms", counts.longest.count());
        line("acknowledged records lost or corrupted / errors", writer.complaints().size(),
             writer.errors());
    }
    // In ten minutes, each possible event occurs.
    static void expect_all_of_it(const Tally& tally) {
        EXPECT_EQ(tally.blows.size(), Round::blows()) << joined(tally.blows);
        EXPECT_GT(tally.redeliveries, 0u);
        EXPECT_GT(tally.adopted, 0u);
        EXPECT_GT(tally.given_back, 0u);
        EXPECT_GT(tally.redirected, 0u);
        EXPECT_GT(tally.stale, 0u);
        EXPECT_GT(tally.reloads_done, 0u);
    }
};

// Rounds with one device each, over one store: workers of all kinds are killed, stopped, crashed
// and replaced by exec at random moments; several processes reset at once, also by force; requests
// are given back and adopted; the device grows; supervisors reload and die; everybody dies. fio and
// a writer of records verify everything they read. No acknowledged record is lost or torn, no error
// appears, no request is delivered twice without having been put back.
TEST_F(Storm, OverWorkersOfAllKinds) {
    const unsigned int seed = number_from_environment("USERBLK_STORM_SEED", std::random_device()());
    const std::chrono::seconds total{
        number_from_environment("USERBLK_STORM_SECONDS", long_form() ? 600 : 20)};
    const std::chrono::seconds each{long_form() ? 30 : 10};
    figure("storm, seed", std::to_string(seed));
    allow_time(3 * total + 300s);
    Dice dice(seed);
    const Segment segment("storm-" + std::to_string(getpid()));
    RecordWriter writer(7, fio_size, 16, seed);
    std::uint64_t size = first_size;
    Tally tally;
    unsigned int rounds = 0;
    for (std::chrono::seconds done{0}; done < total && !HasFailure(); done += each, rounds++) {
        Round(size, segment, writer, dice, tally).run(each);
        reap_strays();
        for (const std::string& complaint : writer.complaints())
            ADD_FAILURE() << complaint;
    }
    figure("storm, rounds", std::to_string(rounds));
    tell(tally, writer);
    EXPECT_GT(tally.kills_met, 0u);
    EXPECT_GT(writer.counts().written, 0u);
    if (long_form())
        expect_all_of_it(tally);
}

} // namespace userblk::test
