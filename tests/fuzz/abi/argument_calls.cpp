// SPDX-License-Identifier: MIT
//
// The ioctls, each with its structure and what that points to.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/fuzz/abi/step.hpp"

namespace userblk::fuzz {

namespace {

// Interrupts a blocking call again and again until it returns.
class Alarm {
public:
    explicit Alarm(bool wanted) {
        sigevent event{};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = SIGUSR1;
        event._sigev_un._tid = gettid();
        if (!wanted || timer_create(CLOCK_MONOTONIC, &event, &timer_))
            return;
        armed_ = true;
        const timespec pause{0, 10'000'000};
        const itimerspec times{pause, pause};
        timer_settime(timer_, 0, &times, nullptr);
    }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    ~Alarm() {
        if (armed_)
            timer_delete(timer_);
    }

private:
    timer_t timer_{};
    bool armed_ = false;
};

template <class T>
std::span<std::uint8_t> bytes_of(T& value) {
    return {reinterpret_cast<std::uint8_t*>(&value), sizeof(value)};
}

// A random byte of a structure is changed, but never its pointers: the kernel would write there.
template <class T>
void keep_pointers(T&, const T&) {}
void keep_pointers(userblk_get& to, const userblk_get& from) {
    to.requests = from.requests;
}
void keep_pointers(userblk_put& to, const userblk_put& from) {
    to.answers = from.answers;
}
void keep_pointers(userblk_serve& to, const userblk_serve& from) {
    keep_pointers(to.put, from.put);
    keep_pointers(to.get, from.get);
}
void keep_pointers(userblk_list& to, const userblk_list& from) {
    to.entries = from.entries;
}
void keep_pointers(userblk_info& to, const userblk_info& from) {
    to.taken_list = from.taken_list;
}
void keep_pointers(userblk_request& to, const userblk_request& from) {
    to.addr = from.addr;
}

template <class T>
void poke(T& value, std::uint64_t at, std::uint64_t bits) {
    const T before = value;
    bytes_of(value)[at % sizeof(T)] ^= static_cast<std::uint8_t>(bits);
    keep_pointers(value, before);
}

class ArgumentCall {
public:
    ArgumentCall(const Step& step, CallBuffers& buffers, Shared& shared)
        : step_(step), buffers_(buffers), shared_(shared) {}

    void create();
    void remove();
    void list();
    void info();
    void resize();
    void wake();
    void get();
    void put();
    void serve();
    void reset();
    void raw();

private:
    // Makes the ioctl with a copy of the argument in memory of the kind that the step names, then
    // copies the result back.
    template <class T>
    int make(unsigned long command, T& argument) {
        const Memory memory = step_.memory("argument");
        poke(argument, step_.value("poke_at"), step_.value("poke"));
        const auto there = buffers_.argument.writable(memory, sizeof(T));
        std::memcpy(there.data(), &argument, there.size());
        const int result =
            ::ioctl(step_.on.fd, command, buffers_.argument.address_of(memory, sizeof(T)));
        const int error = result < 0 ? errno : 0;
        check(there, bytes_of(argument));
        std::memcpy(&argument, there.data(), there.size());
        shared_.count(step_.kind, error);
        return error;
    }
    void check(std::span<const std::uint8_t> now, std::span<const std::uint8_t> before) {
        if (shows_address(now, before))
            shared_.complain("an address of the kernel came back from " +
                             std::string(schema(step_.kind).name));
    }

    userblk_get get_argument();
    void note_records(const userblk_get& argument, int error);
    userblk_put put_argument();
    void fill_in_answer(const GatheredAnswer& gathered, userblk_answer& answer,
                        std::size_t& extents);
    void note_answers(int error);

    const Step& step_;
    CallBuffers& buffers_;
    Shared& shared_;
    std::span<std::uint8_t> records_;
    std::vector<std::uint8_t> records_before_;
    std::span<std::uint8_t> answers_;
    std::vector<std::uint8_t> answers_before_;
};

void name_device(userblk_config& config, std::uint64_t which) {
    static constexpr std::string_view names[] = {"", "first",   "second", "userblk7",
                                                 "", ".hidden", "",       "\xc3\xa9"};
    const std::string_view name = names[which % std::size(names)];
    std::memcpy(config.name, name.data(), name.size());
    if (which == 4)
        std::memset(config.name, 'x', sizeof(config.name) - 1);
    if (which == 6)
        std::memset(config.name, 'x', sizeof(config.name));
}

void ArgumentCall::create() {
    userblk_config config{};
    config.size = step_.value("size");
    config.flags = step_.value("flags");
    config.queue_limit_ns = step_.value("queue_limit");
    config.logical_block_size = step_.value32("logical");
    config.physical_block_size = step_.value32("physical");
    config.io_min = step_.value32("io_min");
    config.io_opt = step_.value32("io_opt");
    config.max_transfer = step_.value32("max_transfer");
    config.chunk_size = step_.value32("chunk");
    config.discard_granularity = step_.value32("granularity");
    config.queues = step_.value32("queues");
    config.depth = step_.value32("depth");
    config.delivery_limit = step_.value32("delivery_limit");
    config.uid = step_.value32("uid");
    config.gid = step_.value32("gid");
    config.mode = step_.value32("mode");
    config.number = step_.value32("number");
    config.store_wait_ns = step_.value("store_wait");
    config.store_class = step_.value32("store_class");
    name_device(config, step_.value("name"));
    if (!make(USERBLK_CREATE, config))
        shared_.note_created(config.number);
}

void ArgumentCall::remove() {
    userblk_remove argument{step_.value32("device"), step_.value32("flags"), 0};
    make(USERBLK_REMOVE, argument);
}

void ArgumentCall::list() {
    userblk_list argument{};
    const std::size_t count = std::min(step_.value32("count"), USERBLK_MAX_DEVICES);
    const std::size_t size = count * sizeof(userblk_list_entry);
    const Memory memory = step_.memory("entries");
    argument.entries = buffers_.records.address_of(memory, size);
    argument.count = step_.value32("count");
    argument.entry_size = step_.value32("size");
    argument.first = step_.value32("first");
    const auto there = buffers_.records.writable(memory, size);
    std::memset(there.data(), 0, there.size());
    make(USERBLK_LIST, argument);
    check(there, {});
}

void ArgumentCall::info() {
    userblk_info argument{};
    const std::size_t size = std::min(step_.value32("count"), 512u) * sizeof(userblk_taken);
    const Memory memory = step_.memory("list");
    argument.taken_list = buffers_.records.address_of(memory, size);
    argument.taken_count = step_.value32("count");
    argument.taken_size = step_.value32("size");
    const auto there = buffers_.records.writable(memory, size);
    std::memset(there.data(), 0, there.size());
    const int error = make(USERBLK_INFO, argument);
    check(there, {});
    if (error || step_.memory("argument") != Memory::fitting)
        return;
    const std::uint64_t slots = std::uint64_t{argument.config.queues} * argument.config.depth;
    if (argument.queued + argument.taken + argument.redirected > 2 * slots ||
        argument.orphaned > argument.taken || argument.taken_count > slots)
        shared_.complain("INFO tells of more requests than there is room for");
}

void ArgumentCall::resize() {
    userblk_resize argument{step_.value("size"), step_.value32("flags"), 0};
    make(USERBLK_RESIZE, argument);
}

void ArgumentCall::wake() {
    userblk_wake argument{step_.value32("count"), step_.value32("flags")};
    make(USERBLK_WAKE, argument);
}

userblk_get ArgumentCall::get_argument() {
    const std::uint32_t count = step_.value32("count");
    const std::size_t used = std::min(count, USERBLK_MAX_BATCH);
    const Memory memory = step_.memory("records");
    userblk_request record{};
    record.addr = buffers_.payload.address_of(step_.memory("to"), step_.value32("room"));
    record.room = step_.value32("room");
    const std::uint64_t poke_at = step_.value("poke_at");
    if (poke_at >= 48) // beyond the structure: in the records
        poke(record, poke_at, step_.value("poke"));
    records_ = buffers_.records.writable(memory, used * sizeof(record));
    for (std::size_t at = 0; at + sizeof(record) <= records_.size(); at += sizeof(record)) {
        std::memcpy(records_.data() + at, &record, sizeof(record));
        if (!at)
            record.reserved = 0;
    }
    records_before_.assign(records_.begin(), records_.end());
    userblk_get argument{};
    argument.requests = buffers_.records.address_of(memory, used * sizeof(record));
    argument.timeout_ns = static_cast<std::int64_t>(step_.value("timeout"));
    argument.request_size = step_.value32("size");
    argument.count = count;
    argument.queue = step_.value32("queue");
    argument.flags = step_.value32("flags");
    return argument;
}

void ArgumentCall::note_records(const userblk_get& argument, int error) {
    check(records_, records_before_);
    if (error || step_.memory("argument") > Memory::tight)
        return;
    for (std::size_t i = 0; i < argument.count; i++) {
        Taken taken{{}, step_.on.instance};
        if ((i + 1) * sizeof(taken.request) > records_.size())
            return;
        std::memcpy(&taken.request, records_.data() + i * sizeof(taken.request),
                    sizeof(taken.request));
        if (!taken.request.result)
            shared_.note(taken);
    }
}

void ArgumentCall::get() {
    userblk_get argument = get_argument();
    const Alarm alarm(argument.timeout_ns != 0);
    const int error = make(USERBLK_GET, argument);
    note_records(argument, error);
}

// The fitting memory depends on the answer; extents are laid out one after another.
void ArgumentCall::fill_in_answer(const GatheredAnswer& gathered, userblk_answer& answer,
                                  std::size_t& extents) {
    answer = gathered.answer;
    if (answer.action == USERBLK_ACTION_REDIRECT) {
        if (answer.flags & USERBLK_ANSWER_EXTENTS) {
            const std::size_t size = gathered.extents.size() * sizeof(userblk_extent);
            answer.length = static_cast<std::uint32_t>(gathered.extents.size());
            answer.addr = buffers_.extents.address_of(gathered.memory, size) + extents;
            const auto there = buffers_.extents.writable(gathered.memory, size + extents);
            if (there.size() == size + extents && gathered.memory != Memory::tight)
                std::memcpy(there.data() + extents, gathered.extents.data(), size);
            extents += size;
        } else if (gathered.memory != Memory::fitting) {
            answer.addr = buffers_.payload.address_of(gathered.memory, answer.length);
        }
    } else if (gathered.memory != Memory::fitting || gathered.takes_data) {
        answer.addr = buffers_.payload.address_of(gathered.memory, answer.length);
    } else {
        answer.length = 0;
    }
}

userblk_put ArgumentCall::put_argument() {
    const std::uint32_t count = step_.value32("answers");
    const std::size_t used =
        std::min<std::size_t>(count, USERBLK_MAX_BATCH) * sizeof(userblk_answer);
    const Memory memory = step_.memory("answers_at");
    std::vector<userblk_answer> answers(used / sizeof(userblk_answer));
    std::size_t extents = 0;
    for (std::size_t i = 0; i < std::min(answers.size(), step_.answers.size()); i++)
        fill_in_answer(step_.answers[i], answers[i], extents);
    answers_ = buffers_.answers.writable(memory, used);
    std::memcpy(answers_.data(), answers.data(), answers_.size());
    answers_before_.assign(answers_.begin(), answers_.end());
    userblk_put argument{};
    argument.answers = buffers_.answers.address_of(memory, used);
    argument.answer_size = step_.value32("answer_size");
    argument.count = count;
    argument.flags = step_.value32("put_flags");
    return argument;
}

void ArgumentCall::note_answers(int error) {
    check(answers_, answers_before_);
    if (error)
        return;
    const std::size_t n = std::min(answers_.size() / sizeof(userblk_answer), step_.answers.size());
    for (std::size_t i = 0; i < n; i++) {
        userblk_answer answer;
        std::memcpy(&answer, answers_.data() + i * sizeof(answer), sizeof(answer));
        const auto result = static_cast<std::size_t>(std::abs(answer.result));
        if (answer.action < std::size(shared_.answers))
            shared_.answers[answer.action][std::min(result, errors - 1)]++;
    }
}

void ArgumentCall::put() {
    userblk_put argument = put_argument();
    note_answers(make(USERBLK_PUT, argument));
}

void ArgumentCall::serve() {
    userblk_serve argument{};
    argument.put = put_argument();
    argument.get = get_argument();
    const Alarm alarm(argument.get.timeout_ns != 0);
    const int error = make(USERBLK_SERVE, argument);
    note_answers(error);
    note_records(argument.get, error);
}

void ArgumentCall::reset() {
    userblk_reset argument{};
    argument.id = step_.value("id");
    argument.age_ns = step_.value("age");
    argument.which = step_.value32("which");
    argument.pid = static_cast<std::int32_t>(step_.value("pid"));
    argument.flags = step_.value32("flags");
    make(USERBLK_RESET, argument);
}

// Any command, with an argument that may not belong to it.
void ArgumentCall::raw() {
    const Memory memory = step_.memory("argument");
    const auto there = buffers_.argument.writable(memory, 512);
    std::memset(there.data(), 0, there.size());
    const Alarm alarm(true);
    const int result =
        ::ioctl(step_.on.fd, step_.value("command"), buffers_.argument.address_of(memory, 512));
    shared_.count(Kind::ioctl, result < 0 ? errno : 0);
    check(there, {});
}

} // namespace

void make_argument_call(const Step& step, CallBuffers& buffers, Shared& shared) {
    ArgumentCall call(step, buffers, shared);
    switch (step.kind) {
    case Kind::create:
        return call.create();
    case Kind::remove:
        return call.remove();
    case Kind::list:
        return call.list();
    case Kind::info:
        return call.info();
    case Kind::resize:
        return call.resize();
    case Kind::wake:
        return call.wake();
    case Kind::get:
        return call.get();
    case Kind::put:
        return call.put();
    case Kind::serve:
        return call.serve();
    case Kind::reset:
        return call.reset();
    default:
        return call.raw();
    }
}

} // namespace userblk::fuzz
