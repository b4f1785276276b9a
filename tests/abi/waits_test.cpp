// SPDX-License-Identifier: MIT
//
// Every wait of a worker inside userblk at once, for requests or for its own memory: none of them
// is reported as a hung task, and a process that is killed in one exits at once.
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/support/kernel_test.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

namespace {

// Shortens the timeout of the kernel's hung task detector for the lifetime of the object.
class ImpatientDetector {
public:
    ImpatientDetector() : before_(read("timeout")), interval_(read("check_interval")) {
        write("timeout", "5");
        write("check_interval", "1");
    }
    ImpatientDetector(const ImpatientDetector&) = delete;
    ImpatientDetector& operator=(const ImpatientDetector&) = delete;
    ~ImpatientDetector() {
        write("timeout", before_);
        write("check_interval", interval_);
    }

private:
    static std::string path(const std::string& what) {
        return "/proc/sys/kernel/hung_task_" + what + "_secs";
    }
    static std::string read(const std::string& what) {
        std::string text;
        std::ifstream(path(what)) >> text;
        return text;
    }
    static void write(const std::string& what, const std::string& text) {
        std::ofstream(path(what)) << text;
    }

    std::string before_, interval_;
};

} // namespace

class Waits : public KernelTest {
protected:
    static constexpr std::uint32_t flags = USERBLK_GET_WATCH | USERBLK_GET_SPIN;

    TestDevice idle, busy; // one without requests, one with
    std::vector<Child> children;

    // Waits for a request that never comes.
    void wait_in(const std::function<void(int)>& call) {
        children.emplace_back([this, call](ChildSide& side) -> int {
            const Fd fd = idle.open_control();
            side.tell();
            call(fd.get());
            return 1; // nothing can end this wait
        });
        EXPECT_EQ(children.back().await(), 0u);
    }
    // Waits for its own memory, which never answers.
    void touch_in(const std::function<void(int, void*)>& call) {
        children.emplace_back([this, call](ChildSide& side) -> int {
            UnansweredMemory memory(64 << 10);
            const Fd fd = busy.open_control();
            std::thread([&] { side.tell(memory.touched()); }).detach();
            call(fd.get(), memory.data());
            return 1;
        });
        EXPECT_EQ(children.back().await(), 1u) << "nobody touched the memory";
    }
    void wait_for_requests() {
        wait_in([](int fd) {
            userblk_request request = record();
            get(fd, {&request, 1}, for_ever);
        });
        wait_in([](int fd) {
            userblk_request request = record();
            get(fd, {&request, 1}, 100 * a_while, flags);
        });
        wait_in([](int fd) {
            userblk_request request = record();
            userblk_serve argument = serve_argument({}, {&request, 1}, for_ever);
            serve(fd, argument);
        });
        wait_in([](int fd) { poll_events(fd, POLLIN | POLLPRI, -1); });
    }
    void wait_for_memory() {
        touch_in([](int fd, void* memory) {
            const userblk_request request = take(fd); // a WRITE
            put(fd, store(request.id, memory, request.length));
        });
        touch_in([](int fd, void* memory) {
            const userblk_request request = take(fd); // another one
            pread(fd, memory, request.length, static_cast<off_t>(request.payload));
        });
        touch_in([](int fd, void* memory) {
            const userblk_request request = take(fd); // a READ
            put(fd, complete_read(request.id, memory, request.length));
        });
        touch_in([](int fd, void* memory) {
            const userblk_request request = take(fd); // another one
            pwrite(fd, memory, request.length, static_cast<off_t>(request.payload));
        });
        touch_in([](int fd, void* memory) { // the last WRITE
            userblk_request request = record(memory, 65536);
            get(fd, {&request, 1});
        });
    }
};

// Nine processes wait, for requests and for memory that never answers, for longer than the hung
// task detector's timeout (in the long form only, since that setting is system-wide and other tasks
// wait, too). Then each is killed and exits, and its requests are put back and served.
TEST_F(Waits, AreQuietAndEndForTheKilled) {
    std::vector<Io> ios;
    for (const std::uint64_t at : {0u, 1u})
        ios.push_back(busy.write(at << 20, pattern(4096, at)));
    for (const std::uint64_t at : {2u, 3u})
        ios.push_back(busy.read(at << 20, 4096));
    ios.push_back(busy.write(4 << 20, pattern(4096, 4)));
    wait_for_requests();
    wait_for_memory();
    for (const Child& child : children)
        EXPECT_TRUE(eventually_sleeps(child.pid()));
    if (std::getenv("USERBLK_TEST_LONG")) {
        const ImpatientDetector detector; // any report fails the test
        std::this_thread::sleep_for(std::chrono::seconds(12));
    }
    for (Child& child : children) {
        child.signal(SIGKILL);
        EXPECT_EQ(child.wait(), 128 + SIGKILL);
    }
    EXPECT_EQ(reset_dead(busy.control()).count, 4u) << "the GET had taken nothing yet";
    EXPECT_EQ(info(busy.control()).queued, 5u);
    Buffer zeros(4096);
    for (std::size_t i = 0; i < ios.size(); i++) {
        const userblk_request request = take(busy.control());
        EXPECT_EQ(put(busy.control(), request.op == USERBLK_OP_READ
                                          ? complete_read(request.id, zeros.data(), 4096)
                                          : complete(request.id)),
                  0);
    }
    for (const Io& io : ios)
        EXPECT_EQ(io->result(), 0);
}

} // namespace userblk::test
