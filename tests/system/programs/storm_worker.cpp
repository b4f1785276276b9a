// SPDX-License-Identifier: MIT
//
// usage: storm_worker /dev/userblkcN FILE [SEED]
//
// A worker on the bare ABI that randomly does what the others never do: it gives requests back, and
// adopts and answers some of what the dead held itself instead of putting it back. Its store is a
// mapped file, and the kernel copies to and from it, so its answers are fenced: none of them
// changes the store once the request has been put back.
//
// SIGUSR1: execs itself, in the midst of whatever it does: a new worker with the same PID.
// SIGUSR2: execs sleep, and leaves the node open there, so that nobody is notified.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/abi.hpp"
#include "tests/support/fd.hpp"

namespace userblk::test {

namespace {

char** the_arguments;
int the_node;

void become_another_worker(int) {
    execv("/proc/self/exe", the_arguments);
    _exit(1);
}

void become_something_else(int) {
    fcntl(the_node, F_SETFD, 0);
    execl("/usr/bin/sleep", "sleep", "300", nullptr);
    execl("/bin/sleep", "sleep", "300", nullptr);
    _exit(1);
}

void set_signals() {
    // After an exec from within the handler, the signal is still blocked.
    sigset_t none;
    sigemptyset(&none);
    signal(SIGUSR1, become_another_worker);
    signal(SIGUSR2, become_something_else);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

class StormWorker {
public:
    StormWorker(int node, const char* file, unsigned int seed) : node_(node), random_(seed) {
        const Fd fd = open_file(file, O_RDWR);
        struct stat about {};
        fstat(fd.get(), &about);
        void* at = mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ | PROT_WRITE,
                        MAP_SHARED, fd.get(), 0);
        if (at == MAP_FAILED)
            throw_errno("unable to map the store");
        store_ = static_cast<std::uint8_t*>(at);
    }

    // Until the device is removed.
    void run() {
        for (;;) {
            const short events = poll_events(node_, POLLIN | POLLPRI, -1);
            if (events & (POLLHUP | POLLERR))
                return;
            if (events & POLLPRI)
                look_after_the_dead();
            if (events & POLLIN)
                serve();
        }
    }

private:
    bool one_in(unsigned int n) { return random_() % n == 0; }

    userblk_answer answer_to(std::uint64_t id, unsigned int op, std::uint64_t offset,
                             std::uint32_t length) {
        switch (op) {
        case USERBLK_OP_READ:
            return complete_read(id, store_ + offset, length);
        case USERBLK_OP_WRITE:
            return store(id, store_ + offset, length);
        default: // memory is as stable as this store gets
            return complete(id);
        }
    }

    void serve() {
        std::vector<userblk_request> requests(1 + random_() % 16, record());
        const GetResult result = get(node_, requests);
        std::vector<userblk_answer> answers;
        for (std::uint32_t i = 0; i < result.count; i++) {
            const userblk_request& request = requests[i];
            if (request.result)
                continue;
            answers.push_back(
                one_in(16) ? give_back(request.id)
                           : answer_to(request.id, request.op, request.offset, request.length));
        }
        if (!answers.empty())
            put(node_, answers);
    }

    void look_after_the_dead() {
        if (one_in(2)) {
            reset_dead(node_);
            return;
        }
        std::vector<userblk_taken> list(256);
        userblk_info argument = info_argument(list);
        if (ioctl_error(node_, USERBLK_INFO, &argument))
            return;
        for (std::uint32_t i = 0; i < argument.taken_count; i++) {
            const userblk_taken& taken = list[i];
            if (!(taken.flags & USERBLK_TAKEN_ORPHAN) || put(node_, adopt(taken.id)))
                continue;
            put(node_, answer_to(taken.id, taken.op, taken.offset, taken.length));
        }
    }

    int node_;
    std::minstd_rand random_;
    std::uint8_t* store_;
};

int run(int argc, char** argv) {
    if (argc < 3)
        return 2;
    the_arguments = argv;
    const Fd node = open_file(argv[1], O_RDWR);
    the_node = node.get();
    const unsigned int seed = argc > 3 ? static_cast<unsigned int>(std::atoi(argv[3])) : 1;
    StormWorker worker(node.get(), argv[2], seed);
    set_signals();
    worker.run();
    return 0;
}

} // namespace

} // namespace userblk::test

int main(int argc, char** argv) {
    try {
        return userblk::test::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "storm_worker: %s\n", error.what());
        return 1;
    }
}
