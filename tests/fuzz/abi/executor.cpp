// SPDX-License-Identifier: MIT
#include "tests/fuzz/abi/executor.hpp"

#include <cerrno>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace userblk::fuzz {

Records::Records() {
    for (std::size_t i = 0; i < pool_size; i++)
        pool.push_back(std::make_unique<Kcov>());
}

Executor::Executor(Channel& channel, Shared& shared, const Targets& targets, Records& records)
    : channel_(channel), shared_(shared), targets_(targets), records_(records), pool_(records.pool),
      io_(shared) {
    records_.own.attach();
    broken_ = true; // there are no devices yet
}

void Executor::begin() {
    handles_ = {{pair_.devices[0].node.get(), first_instance_},
                {pair_.devices[1].node.get(), first_instance_ + 1},
                {pair_.devices[0].read_only_node.get(), first_instance_},
                {pair_.control.get(), unknown_instance}};
    first_taken_ = checked_ = shared_.taken_count;
    shared_.created_count = 0;
    answers_.clear();
    extents_.clear();
    child_ = 0;
    records_.own.clear();
    records_.child.clear();
    for (const std::unique_ptr<Kcov>& record : records_.pool)
        record->clear();
}

void Executor::fill_in_files() {
    targets_.fill_in(files_);
    const auto set = [&](File file, const test::Fd& fd) {
        files_[static_cast<std::size_t>(file)] = fd.get();
    };
    set(File::own_disk, pair_.devices[0].disk);
    set(File::other_disk, pair_.devices[1].disk);
    set(File::cached_other_disk, pair_.devices[1].cached_disk);
    set(File::control, pair_.devices[0].node);
}

void Executor::run(const Program& program) {
    runs_++;
    begin();
    for (const Call& call : program.calls)
        execute(call);
    own_trace_ = records_.own.trace().size();
    clean_up(program.calls.size() % 2);
    if (shared_.complained)
        throw Finding(shared_.complaint);
    shared_.runs++;
}

std::vector<std::span<const std::uint64_t>> Executor::traces() const {
    std::vector<std::span<const std::uint64_t>> all;
    all.push_back(records_.own.trace().first(std::min(own_trace_, records_.own.trace().size())));
    all.push_back(records_.child.trace());
    for (const std::unique_ptr<Kcov>& record : records_.pool)
        all.push_back(record->trace());
    return all;
}

std::uint64_t Executor::resolve(const Parameter& parameter, const Value& value) {
    if (!value.reference)
        return value.number;
    const auto plus = static_cast<std::uint64_t>(value.plus);
    const std::uint64_t back = value.number;
    const std::uint64_t taken = shared_.taken_count - first_taken_;
    Taken one{};
    if (taken)
        shared_.find(shared_.taken_count - 1 - back % taken, one);
    switch (parameter.type) {
    case Type::id:
        return one.request.id + plus;
    case Type::length:
        return one.request.length + plus;
    case Type::payload:
        return one.request.payload + plus;
    case Type::offset:
        return one.request.offset + plus;
    case Type::pending:
        return answers_.size() + plus;
    case Type::process:
        return static_cast<std::uint64_t>(back == 0   ? getpid()
                                          : back == 1 ? child_
                                                      : getppid()) +
               plus;
    case Type::device:
        if (!created_.empty())
            return created_[created_.size() - 1 - back % created_.size()].number + plus;
        return USERBLK_MAX_DEVICES - 1 + plus;
    default:
        return plus;
    }
}

std::vector<std::uint64_t> Executor::resolve(const Call& call) {
    std::vector<std::uint64_t> values;
    const std::vector<Parameter>& parameters = schema(call.kind).parameters;
    for (std::size_t i = 0; i < parameters.size(); i++)
        values.push_back(resolve(parameters[i], call.values[i]));
    return values;
}

void Executor::execute(const Call& call) {
    Step step{call.kind, {}, resolve(call), {}, &files_};
    const bool controls = call.kind <= Kind::list;
    step.on = controls ? handles_[3] : handles_[step.value("on") % handles_.size()];
    switch (call.kind) {
    case Kind::answer:
        gather_answer(step, call);
        break;
    case Kind::extent:
        gather_extent(step);
        break;
    case Kind::open:
        open_node(step);
        break;
    case Kind::dup:
        opened_.emplace_back(::dup(step.on.fd));
        shared_.count(Kind::dup, opened_.back().open() ? 0 : errno);
        handles_.push_back({opened_.back().get(), step.on.instance});
        break;
    case Kind::close:
        close_node(step.on.fd);
        break;
    case Kind::io:
        start_io(step);
        break;
    default:
        if (call.kind == Kind::put || call.kind == Kind::serve)
            step.answers = std::exchange(answers_, {});
        make(std::move(step), call.actor);
    }
    open_created();
    check_deliveries();
}

void Executor::gather_answer(const Step& step, const Call& call) {
    if (answers_.size() >= 64)
        return;
    GatheredAnswer gathered;
    userblk_answer& answer = gathered.answer;
    answer.id = step.value("id");
    answer.length = step.value32("length");
    answer.action = static_cast<std::uint16_t>(step.value("action"));
    answer.flags = static_cast<std::uint16_t>(step.value("flags"));
    answer.status = static_cast<std::int32_t>(step.value("status"));
    if (answer.action == USERBLK_ACTION_REDIRECT) {
        const bool extents = answer.flags & USERBLK_ANSWER_EXTENTS;
        answer.fd = extents ? 0 : step.file("file");
        answer.offset = extents ? 0 : step.value("offset");
        if (extents)
            gathered.extents = std::exchange(extents_, {});
    } else {
        answer.offset = step.value("offset");
    }
    gathered.memory = step.memory("memory");
    const Value& id = call.values[0];
    const std::uint64_t taken = shared_.taken_count - first_taken_;
    Taken one{};
    if (id.reference && taken)
        shared_.find(shared_.taken_count - 1 - id.number % taken, one);
    gathered.takes_data =
        (answer.action == USERBLK_ACTION_COMPLETE && one.request.op == USERBLK_OP_READ &&
         !answer.status && !answer.flags && one.request.length) ||
        answer.action == USERBLK_ACTION_FETCH || answer.action == USERBLK_ACTION_STORE;
    if (const std::uint64_t poke = step.value("poke"))
        reinterpret_cast<std::uint8_t*>(&answer)[step.value("poke_at") % sizeof(answer)] ^=
            static_cast<std::uint8_t>(poke);
    answers_.push_back(std::move(gathered));
}

void Executor::gather_extent(const Step& step) {
    if (extents_.size() <= USERBLK_MAX_EXTENTS)
        extents_.push_back({step.value("offset"), step.value32("length"), step.file("file")});
}

// Whether the call may wait for answers that this program has not sent yet.
bool Executor::may_wait_for_us(const Step& step) const {
    if (step.kind == Kind::sendfile) {
        const int to = step.file("file");
        return to == pair_.devices[0].disk.get() || to == pair_.devices[1].disk.get() ||
               to == pair_.devices[1].cached_disk.get();
    }
    return step.kind == Kind::remove;
}

void Executor::make(Step step, Actor actor) {
    if (actor == Actor::thread || may_wait_for_us(step)) {
        pool_.start_and_wait([step = std::move(step), this](CallBuffers& buffers) {
            make_call(step, buffers, shared_);
        });
    } else if (actor == Actor::itself) {
        make_call(step, buffers_, shared_);
    } else {
        make_in_child(step, actor == Actor::exec);
    }
}

void Executor::make_in_child(const Step& step, bool exec) {
    child_ = fork();
    if (!child_) {
        records_.child.attach();
        make_call(step, buffers_, shared_);
        if (exec)
            execl("/bin/true", "true", nullptr);
        _exit(0);
    }
    int status = 0;
    while (child_ > 0 && waitpid(child_, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        throw Finding("a child died of signal " + std::to_string(WTERMSIG(status)));
}

void Executor::start_io(const Step& step) {
    std::vector<int> disks = {pair_.devices[0].disk.get(), pair_.devices[1].disk.get()};
    for (const Created& device : created_)
        disks.push_back(device.disk.get());
    const auto operation = static_cast<IoOperation>(step.value("operation") % 6);
    const IoRequest request{disks[step.value("disk") % disks.size()], operation, step.value("at"),
                            step.value("length"), step.value32("flags")};
    if (step.value("way") == 0 && operation <= IoOperation::flush)
        return io_.start(request);
    pool_.start_and_wait(
        [=, this](CallBuffers& buffers) { shared_.count(Kind::io, do_io(request, buffers)); });
}

// The two devices' own descriptors stay open.
void Executor::close_node(int fd) {
    if (!std::erase_if(opened_, [=](const test::Fd& one) { return one.get() == fd; }))
        return;
    for (Handle& handle : handles_)
        if (handle.fd == fd)
            handle.fd = -1;
    shared_.count(Kind::close, 0);
}

void Executor::open_node(const Step& step) {
    std::vector<std::uint32_t> numbers = {pair_.devices[0].number, pair_.devices[1].number};
    for (const Created& device : created_)
        numbers.push_back(device.number);
    const std::uint32_t number = numbers[step.value("disk") % numbers.size()];
    const int flags = static_cast<int>(step.value("flags")) &
                      (O_ACCMODE | O_NONBLOCK | O_APPEND | O_PATH | O_EXCL);
    test::Fd fd(::open(("/dev/userblkc" + std::to_string(number)).c_str(), flags | O_CLOEXEC));
    shared_.count(Kind::open, fd.open() ? 0 : errno);
    if (!fd.open())
        return;
    // The number may belong to another device by now.
    handles_.push_back({fd.get(), unknown_instance});
    opened_.push_back(std::move(fd));
}

void Executor::open_created() {
    while (created_.size() < shared_.created_count) {
        Created device{shared_.created[created_.size()], test::Fd(), test::Fd()};
        const std::string number = std::to_string(device.number);
        device.node = test::Fd(::open(("/dev/userblkc" + number).c_str(), O_RDWR | O_CLOEXEC));
        device.disk =
            test::Fd(::open(("/dev/userblk" + number).c_str(), O_RDWR | O_DIRECT | O_CLOEXEC));
        if (!device.disk.open())
            device.disk = test::Fd(
                ::open(("/dev/userblk" + number).c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
        handles_.push_back({device.node.get(), unknown_instance});
        created_.push_back(std::move(device));
    }
}

// No request is delivered twice under one id, whichever process takes it.
void Executor::note_delivery(std::uint64_t instance, std::uint64_t id) {
    if (instance != unknown_instance && !delivered_.emplace(instance, id).second)
        throw Finding("request " + std::to_string(id) + " was delivered twice");
}

void Executor::check_deliveries() {
    for (; checked_ < shared_.taken_count; checked_++) {
        Taken one;
        if (shared_.find(checked_, one))
            note_delivery(one.instance, one.request.id);
    }
}

} // namespace userblk::fuzz
