// SPDX-License-Identifier: MIT
//
// A worker names memory that another party has to fill in first: through userfaultfd, as a FUSE
// server, or as another worker of this very device. The call continues with the right bytes once it
// is filled in; if the request was put back meanwhile, the call changes nothing.
#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/fuse_file.hpp"
#include "tests/support/kernel_test.hpp"
#include "tests/support/race.hpp"
#include "tests/support/server.hpp"
#include "tests/support/userfault.hpp"

namespace userblk::test {

namespace {

constexpr std::size_t length = 16384;

} // namespace

// Memory that is not present; any access blocks until let_go().
class LateMemory {
public:
    LateMemory() = default;
    LateMemory(const LateMemory&) = delete;
    LateMemory& operator=(const LateMemory&) = delete;
    virtual ~LateMemory() = default;

    virtual void* data() = 0;
    // Waits until an access blocks; false if none does.
    virtual bool is_waited_for() = 0;
    virtual void let_go() = 0;
    // What the memory holds afterwards.
    virtual const Buffer& content() = 0;
};

namespace {

class UserfaultMemory : public LateMemory {
public:
    void* data() override { return memory_.data(); }
    bool is_waited_for() override { return memory_.touched(); }
    void let_go() override { memory_.fill_in(content_.data()); }
    const Buffer& content() override { return content_; }

private:
    Buffer content_ = pattern(length, 21);
    UnansweredMemory memory_{length};
};

// A mapping of a file; it is unmapped before the file is closed.
class FileMapping {
public:
    FileMapping(const std::string& path, off_t offset)
        : file_(open_file(path, O_RDWR)),
          data_(mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), offset)) {
        struct stat status; // FUSE fetches the file's size on stat only
        if (data_ == MAP_FAILED || madvise(data_, length, MADV_RANDOM) ||
            fstat(file_.get(), &status))
            throw_errno("unable to map " + path);
    }
    FileMapping(const FileMapping&) = delete;
    FileMapping& operator=(const FileMapping&) = delete;
    ~FileMapping() {
        munmap(data_, length);
        EXPECT_EQ(fsync(file_.get()), 0);
    }
    void* data() const { return data_; }

private:
    Fd file_;
    void* data_;
};

class FuseMemory : public LateMemory {
public:
    FuseMemory() {
        fill_pattern(file_.content().data(), length, 22);
        file_.hold();
    }
    void* data() override { return mapping_.data(); }
    bool is_waited_for() override { return file_.is_waited_for(); }
    void let_go() override { file_.let_go(); }
    const Buffer& content() override { return content_; }

private:
    Buffer content_ = pattern(length, 22);
    FuseFile file_{length};
    FileMapping mapping_{file_.path(), 0};
};

// The device's own page cache, which has to be read from the device.
class OwnMemory : public LateMemory {
public:
    OwnMemory(TestDevice& device, Store& store) : device_(device), store_(store) {
        std::memcpy(store.data() + place, content_.data(), length);
    }
    void* data() override { return mapping_.data(); }
    bool is_waited_for() override {
        return eventually([this] {
            const userblk_info now = info(device_.control());
            return now.taken && now.queued;
        });
    }
    void let_go() override { server_.emplace(device_, store_); }
    const Buffer& content() override { return content_; }

private:
    static constexpr std::uint64_t place = default_size / 2;

    TestDevice& device_;
    Store& store_;
    Buffer content_ = pattern(length, 23);
    std::optional<Server> server_;
    FileMapping mapping_{device_.block_path(), place};
};

struct Kind {
    const char* name;
    std::unique_ptr<LateMemory> (*make)(TestDevice&, Store&);
};

const Kind kinds[] = {
    {"Userfault",
     [](TestDevice&, Store&) -> std::unique_ptr<LateMemory> {
         return std::make_unique<UserfaultMemory>();
     }},
    {"Fuse",
     [](TestDevice&, Store&) -> std::unique_ptr<LateMemory> {
         return std::make_unique<FuseMemory>();
     }},
    {"TheDeviceItself",
     [](TestDevice& device, Store& store) -> std::unique_ptr<LateMemory> {
         return std::make_unique<OwnMemory>(device, store);
     }},
};

} // namespace

class LateMemoryRaces : public KernelTest, public testing::WithParamInterface<Kind> {
protected:
    Store store = make_store(default_size);
    TestDevice device;
    std::unique_ptr<LateMemory> memory = GetParam().make(device, store);
    Buffer data = pattern(length, 24); // of the request

    LateMemoryRaces() { std::memcpy(store.data(), data.data(), length); }

    // Runs a call that accesses the memory in a thread, and meanwhile() once it blocks there.
    template <class Call, class Meanwhile>
    void run(Call call, Meanwhile meanwhile) {
        Window window("the call waits for its memory");
        std::thread worker(call);
        const bool waits = memory->is_waited_for();
        window.tried(waits && info(device.control()).taken == 1);
        meanwhile();
        memory->let_go();
        worker.join();
    }
    // Once put back, it is answered from the store.
    void expect_served(const Io& io) {
        Server server(device, store);
        EXPECT_EQ(io->result(), 0);
    }
    void expect_put_back() { EXPECT_EQ(reset_all(device.control()).count, 1u); }
};

// PUT of a READ: its data comes late.
TEST_P(LateMemoryRaces, PutGoesOn) {
    const Io io = device.read(0, length);
    const userblk_request request = take(device.control());
    int error = -1;
    run([&] { error = put(device.control(), complete_read(request.id, memory->data(), length)); },
        [] {});
    EXPECT_EQ(error, 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(io->data(), memory->content());
}

// … and the request is put back meanwhile: the answer is stale.
TEST_P(LateMemoryRaces, PutAgainstReset) {
    const Io io = device.read(0, length);
    const userblk_request request = take(device.control());
    int error = -1;
    run([&] { error = put(device.control(), complete_read(request.id, memory->data(), length)); },
        [&] { expect_put_back(); });
    EXPECT_EQ(error, ESTALE);
    expect_served(io);
    EXPECT_EQ(io->data(), data);
}

// GET: the memory for a WRITE's payload comes late.
TEST_P(LateMemoryRaces, GetGoesOn) {
    const Io io = device.write(0, pattern(length, 25));
    userblk_request request = record(memory->data(), length);
    GetResult got{};
    run([&] { got = get(device.control(), {&request, 1}); }, [] {});
    EXPECT_EQ(got.count, 1u);
    EXPECT_EQ(request.result, 0);
    EXPECT_EQ(std::memcmp(memory->data(), io->data().data(), length), 0);
    EXPECT_EQ(put(device.control(), complete(request.id)), 0);
    EXPECT_EQ(io->result(), 0);
}

// … and the request is put back meanwhile: its record gets ESTALE.
TEST_P(LateMemoryRaces, GetAgainstReset) {
    const Io io = device.write(0, pattern(length, 26));
    userblk_request request = record(memory->data(), length);
    GetResult got{};
    run([&] { got = get(device.control(), {&request, 1}); }, [&] { expect_put_back(); });
    EXPECT_EQ(got.count, 1u);
    EXPECT_EQ(request.result, -ESTALE);
    expect_served(io);
    EXPECT_EQ(std::memcmp(store.data(), pattern(length, 26).data(), length), 0);
}

// STORE: the target memory comes late; nothing is acknowledged before the data is there.
TEST_P(LateMemoryRaces, StoreGoesOn) {
    const Io io = device.write(0, pattern(length, 27));
    const userblk_request request = take(device.control());
    int error = -1;
    run(
        [&] {
            error = put(device.control(), userblk::test::store(request.id, memory->data(), length));
        },
        [&] { EXPECT_FALSE(io->finished()); });
    EXPECT_EQ(error, 0);
    EXPECT_EQ(io->result(), 0);
    EXPECT_EQ(std::memcmp(memory->data(), pattern(length, 27).data(), length), 0);
}

INSTANTIATE_TEST_SUITE_P(Of, LateMemoryRaces, testing::ValuesIn(kinds),
                         [](const auto& kind) { return std::string(kind.param.name); });

} // namespace userblk::test
