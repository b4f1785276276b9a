// SPDX-License-Identifier: MIT
//
// Only intended data leave the kernel: no freed or uninitialised memory, and no kernel address. The
// kernel poisons freed pages and objects (page_poison=1, slub_debug=P) instead of clearing them,
// and every buffer is filled beforehand with the bytes that the test then looks for.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <regex>

#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/support/files.hpp"
#include "tests/support/server.hpp"
#include "tests/support/tracing.hpp"
#include "tests/system/support/system_test.hpp"
#include "tests/system/support/unprivileged.hpp"

namespace userblk::test {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t untouched = 0xc3;                       // fills the test's buffers
constexpr std::uint8_t secret = 0x77;                          // stands for other users' data
constexpr std::uint8_t poisons[] = {0xaa, 0x6b, 0x5a, secret}; // pages, objects, theirs, ours

template <class T>
T filled() {
    T value;
    std::memset(&value, untouched, sizeof(value));
    return value;
}
template <class T>
Bytes bytes_of(const T& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)};
}
Bytes bytes_of(const Buffer& buffer) {
    return {buffer.data(), buffer.size()};
}
bool all(Bytes bytes, std::uint8_t value) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [=](std::uint8_t byte) { return byte == value; });
}

// Kernel memory, modules and text, except values that are negative numbers.
bool is_kernel_address(std::uint64_t value) {
    return (value >= 0xffff'8000'0000'0000 && value < 0xffff'ff00'0000'0000) ||
           (value >= 0xffff'ffff'8000'0000 && value < 0xffff'ffff'ff80'0000);
}

void expect_no_address(Bytes bytes, const std::string& where) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 4) {
        std::uint64_t value;
        std::memcpy(&value, bytes.data() + at, 8);
        EXPECT_FALSE(is_kernel_address(value)) << where << ", byte " << at;
    }
}
// Fails on any four bytes in a row that freed memory holds.
void expect_no_poison(Bytes bytes, const std::string& where) {
    for (const std::uint8_t poison : poisons)
        EXPECT_EQ(std::search_n(bytes.begin(), bytes.end(), 4, poison), bytes.end())
            << where << ": " << int{poison};
}
void expect_clean(Bytes bytes, const std::string& where) {
    expect_no_address(bytes, where);
    expect_no_poison(bytes, where);
}
void expect_clean(const std::string& text, const std::string& where) {
    static const std::regex address("(^|[^0-9a-fA-F])(0x)?[fF]{4}[89a-fA-F][0-9a-fA-F]{11}"
                                    "([^0-9a-fA-F]|$)");
    std::smatch match;
    EXPECT_FALSE(std::regex_search(text, match, address)) << where << ": " << match.str();
    expect_no_poison({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, where);
}

// Whatever can be read: some attributes return an error.
std::string content_of(const std::filesystem::path& path) {
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string result;
    char text[4096];
    for (ssize_t n; fd.open() && (n = read(fd.get(), text, sizeof(text))) > 0;)
        result.append(text, static_cast<std::size_t>(n));
    return result;
}

} // namespace

class Leak : public SystemTest {
protected:
    void SetUp() override {
        SystemTest::SetUp();
        if (content_of("/proc/cmdline").find("page_poison=1") == std::string::npos)
            GTEST_SKIP() << "requires a kernel started with page_poison=1 slub_debug=P";
        spread_secret();
    }

    // Fills memory with other users' data, through another device and the page cache, and frees it.
    void spread_secret() {
        Store store = make_store(default_size);
        TestDevice other(full_config(default_size));
        Server server(other, store);
        Buffer data(1 << 20);
        data.fill(secret);
        const Fd block = open_file(other.block_path(), O_RDWR);
        for (std::uint64_t at = 0; at < default_size; at += data.size())
            write_to_file(block.get(), at, data);
        EXPECT_EQ(fsync(block.get()), 0);
        EXPECT_EQ(posix_fadvise(block.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    }
    // The same for the kernel's stack: PUT and GET records, all refused.
    static void stain_stack(int fd) {
        std::vector<userblk_answer> answers(16);
        std::memset(answers.data(), secret, answers.size() * sizeof(answers[0]));
        EXPECT_EQ(put(fd, answers).failed, answers.size());
        std::vector<userblk_request> records(16);
        std::memset(records.data(), secret, records.size() * sizeof(records[0]));
        get(fd, records);
    }
    static userblk_request empty_record() {
        userblk_request request = filled<userblk_request>();
        request.addr = request.reserved = 0;
        request.room = 0;
        return request;
    }

    TestDevice device{full_config(default_size)};
    Store store_ = make_store(default_size);
};

// READs answered with less data than requested, in every way: the reader gets an error, and its
// buffer holds what the worker sent, or nothing; through the page cache, nothing at all.
TEST_F(Leak, ShortAnswersToReads) {
    const std::string path = device.block_path();
    const Buffer part = pattern(2048, 5);
    for (int way = 0; way < 3; way++)
        for (const bool cached : {false, true}) {
            Buffer buffer(8192);
            buffer.fill(untouched);
            const Fd block = open_file(path, O_RDONLY | (cached ? 0 : O_DIRECT));
            const Io io = device.start([&] {
                return pread(block.get(), buffer.data(), buffer.size(), 0) < 0 ? errno : 0;
            });
            bool over = false;
            // For each request in turn; the page cache retries in smaller pieces.
            for (userblk_request request = record(); !over; over = io->finished()) {
                if (get(device.control(), {&request, 1}, 100'000'000).count != 1)
                    continue;
                ASSERT_EQ(request.op, USERBLK_OP_READ);
                if (way == 1) {
                    EXPECT_EQ(pwrite(device.control(), part.data(), part.size(),
                                     static_cast<off_t>(request.payload)),
                              static_cast<ssize_t>(part.size()));
                }
                const bool with_data = way == 0;
                put(device.control(), complete_read(request.id, with_data ? part.data() : nullptr,
                                                    with_data ? part.size() : 0));
                // A PUT without data leaves the request open; this answer is final.
                put(device.control(), complete(request.id, -EIO));
                request = record();
            }
            EXPECT_EQ(io->result(), EIO) << way << cached;
            const Bytes rest = bytes_of(buffer).subspan(cached || way == 2 ? 0 : part.size());
            EXPECT_TRUE(all(rest, untouched)) << way << cached;
        }
}

// The worker cannot get at the pages of a READ, which hold whatever was there before, in any way.
TEST_F(Leak, PayloadOfAReadIsNotRead) {
    Buffer foreign(4096);
    foreign.fill(secret);
    const Io io = device.start([&, path = device.block_path()] {
        const Fd block = open_file(path, O_RDONLY | O_DIRECT);
        return pread(block.get(), foreign.data(), foreign.size(), 0) < 0 ? errno : 0;
    });
    const userblk_request request = take(device.control());
    Buffer buffer(8192);
    buffer.fill(untouched);
    auto at = static_cast<off64_t>(request.payload);
    EXPECT_LT(pread(device.control(), buffer.data(), 4096, at), 0);
    EXPECT_EQ(errno, EPERM);
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Fd in(ends[0]), out(ends[1]);
    EXPECT_LT(splice(device.control(), &at, out.get(), nullptr, 4096, 0), 0);
    EXPECT_EQ(put(device.control(), fetch(request.id, buffer.data(), 8192)), EINVAL);
    EXPECT_EQ(put(device.control(), store(request.id, buffer.data(), 8192)), EINVAL);
    EXPECT_TRUE(buffer.all(untouched));
    // A GET that offers a buffer gets the request, without the payload.
    EXPECT_EQ(reset_all(device.control()).count, 1u);
    const userblk_request again = take(device.control(), buffer.data(), 8192);
    EXPECT_TRUE(buffer.all(untouched));
    EXPECT_EQ(put(device.control(), complete(again.id, -EIO)), 0);
    EXPECT_EQ(io->result(), EIO);
}

// A WRITE delivers exactly its own bytes, although its page is full of other data, and whatever
// buffer the GET offers.
TEST_F(Leak, NothingBesideThePayloadOfAWrite) {
    Buffer page(4096);
    page.fill(secret);
    const Buffer data = pattern(512, 8);
    std::memcpy(page.data() + 1024, data.data(), data.size());
    const Io io = device.start([&, path = device.block_path()] {
        const Fd block = open_file(path, O_WRONLY | O_DIRECT);
        return pwrite(block.get(), page.data() + 1024, 512, 4096) < 0 ? errno : 0;
    });
    const auto expect_exact = [&](const Buffer& buffer, const std::string& way) {
        EXPECT_FALSE(std::memcmp(buffer.data(), data.data(), 512)) << way;
        EXPECT_TRUE(all(bytes_of(buffer).subspan(512), untouched)) << way;
    };
    const auto fresh = [] {
        Buffer buffer(65536);
        buffer.fill(untouched);
        return buffer;
    };
    Buffer buffer = fresh();
    userblk_request request = take(device.control(), buffer.data(), buffer.size());
    ASSERT_EQ(request.length, 512u);
    expect_exact(buffer, "GET");
    buffer = fresh();
    EXPECT_EQ(put(device.control(), fetch(request.id, buffer.data(), 65536)), 0);
    expect_exact(buffer, "FETCH");
    buffer = fresh();
    const auto place = static_cast<off64_t>(request.payload);
    EXPECT_EQ(pread(device.control(), buffer.data(), 65536, place), 512);
    expect_exact(buffer, "pread");
    for (const off64_t beyond : {512, 513, 4096, 65536})
        EXPECT_LE(pread(device.control(), buffer.data(), 65536, place + beyond), 0);
    buffer = fresh();
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const Fd in(ends[0]), out(ends[1]);
    off64_t at = place;
    EXPECT_EQ(splice(device.control(), &at, out.get(), nullptr, 65536, 0), 512);
    EXPECT_EQ(read(in.get(), buffer.data(), buffer.size()), 512);
    expect_exact(buffer, "splice");
    buffer = fresh();
    EXPECT_EQ(put(device.control(), store(request.id, buffer.data(), 65536)), 0);
    expect_exact(buffer, "STORE");
    EXPECT_EQ(io->result(), 0);
}

// When the kernel carries a READ out itself, holes and zeroes read as zeros, and a file that ends
// within the READ is an error.
TEST_F(Leak, HolesAreZeros) {
    const Fd file = memory_file(6144);
    const userblk_extent extents[] = {{0, 0, USERBLK_HOLE}, {0, 0, file.get()}};
    for (int way = 0; way < 4; way++) {
        const Io io = device.read(0, 8192);
        const userblk_request request = take(device.control());
        if (way == 0) {
            userblk_answer answer = complete_read(request.id, nullptr, 8192);
            answer.flags = USERBLK_ANSWER_ZEROES;
            EXPECT_EQ(put(device.control(), answer), 0);
        } else {
            std::vector<userblk_extent> pieces(extents, extents + 2);
            pieces[0].length = way == 1 ? 8192 : way == 2 ? 4096 : 2048;
            pieces[1].length = 8192 - pieces[0].length;
            if (way == 1)
                pieces.pop_back();
            EXPECT_EQ(put(device.control(), redirect(request, pieces)), 0);
        }
        EXPECT_EQ(io->result(), 0) << way;
        EXPECT_TRUE(io->data().all(0)) << way;
    }
    const Io io = device.read(0, 8192);
    const userblk_request request = take(device.control());
    EXPECT_EQ(put(device.control(), redirect(request, file.get(), 0)), 0);
    EXPECT_EQ(io->result(), EIO);
    expect_no_poison(bytes_of(io->data()), "beyond the end of a file");
}

// GET and SERVE fill every used record completely and leave the others untouched.
TEST_F(Leak, RecordsOfGet) {
    const std::vector<Io> ios = device.read_many(8);
    const Io write = device.write(1 << 20, pattern(4096, 1));
    std::vector<userblk_request> records(32, empty_record());
    stain_stack(device.control());
    const GetResult result = get(device.control(), records);
    ASSERT_EQ(result.count, 9u);
    for (std::uint32_t i = 0; i < records.size(); i++) {
        const userblk_request& one = records[i];
        if (i >= result.count) {
            const userblk_request before = empty_record();
            EXPECT_FALSE(std::memcmp(&one, &before, sizeof(one))) << i;
            continue;
        }
        expect_clean(bytes_of(one), "GET");
        EXPECT_EQ(std::search_n(bytes_of(one).begin(), bytes_of(one).end(), 2, untouched),
                  bytes_of(one).end())
            << "not all of the record was written";
    }
    EXPECT_EQ(reset_all(device.control()).count, 9u);
    stain_stack(device.control());
    userblk_request request = empty_record();
    userblk_serve both = filled<userblk_serve>();
    both.put = put_argument({});
    both.put.failed = 0xc3c3c3c3;
    both.get = get_argument({&request, 1});
    ASSERT_EQ(serve(device.control(), both), 0);
    EXPECT_EQ(both.get.count, 1u);
    expect_no_poison(bytes_of(both), "SERVE");
    expect_clean(bytes_of(request), "SERVE's record");
    Server server(device, store_);
    reset_all(device.control());
    for (const Io& io : ios)
        io->result();
    write->result();
}

// What PUT and RESET write back.
TEST_F(Leak, RecordsOfPut) {
    const std::vector<Io> ios = device.read_many(4);
    std::vector<userblk_request> requests = take_each(device.control(), 4);
    std::vector<userblk_answer> answers;
    for (const userblk_request& request : requests)
        answers.push_back(complete(request.id, -EIO));
    answers.push_back(complete(1)); // ESTALE
    answers.push_back(complete_read(requests[0].id, reinterpret_cast<void*>(bad_address), 4096));
    stain_stack(device.control());
    userblk_put argument = put_argument(answers);
    argument.failed = 0xc3c3c3c3;
    ASSERT_EQ(ioctl_error(device.control(), USERBLK_PUT, &argument), 0);
    EXPECT_EQ(argument.failed, 2u);
    expect_no_poison(bytes_of(argument), "PUT");
    for (const userblk_answer& answer : answers)
        expect_clean(bytes_of(answer), "PUT's record");
    userblk_reset reset{};
    reset.which = USERBLK_RESET_ALL;
    reset.count = 0xc3c3c3c3;
    stain_stack(device.control());
    ASSERT_EQ(ioctl_error(device.control(), USERBLK_RESET, &reset), 0);
    EXPECT_EQ(reset.count, 0u);
    expect_clean(bytes_of(reset), "RESET");
}

// INFO with its list writes every field, padding and reserved ones as zeros, and nothing past the
// last record.
TEST_F(Leak, Info) {
    const std::vector<Io> ios = device.read_many(4);
    take_each(device.control(), 3);
    std::vector<userblk_taken> list(8, filled<userblk_taken>());
    stain_stack(device.control());
    userblk_info argument = filled<userblk_info>();
    argument.taken_list = address(list.data());
    argument.taken_count = static_cast<std::uint32_t>(list.size());
    argument.taken_size = sizeof(userblk_taken);
    ASSERT_EQ(ioctl_error(device.control(), USERBLK_INFO, &argument), 0);
    ASSERT_EQ(argument.taken_count, 3u);
    expect_clean(bytes_of(argument), "INFO");
    EXPECT_TRUE(all(bytes_of(argument.reserved), 0));
    EXPECT_EQ(argument.config.reserved, 0u);
    EXPECT_TRUE(all(bytes_of(argument.config.name), 0));
    EXPECT_EQ(std::search_n(bytes_of(argument).begin(), bytes_of(argument).end(), 4, untouched),
              bytes_of(argument).end());
    for (std::size_t i = 0; i < list.size(); i++) {
        if (i >= 3) {
            EXPECT_TRUE(all(bytes_of(list[i]), untouched));
            continue;
        }
        expect_clean(bytes_of(list[i]), "INFO's list");
        EXPECT_EQ(list[i].dead_ns, 0u);
    }
}

// CREATE and LIST.
TEST_F(Leak, CreateAndList) {
    userblk_config config = test_config();
    set_name(config, "leak");
    stain_stack(device.control());
    TestDevice named(config);
    expect_clean(bytes_of(named.config()), "CREATE");
    EXPECT_TRUE(all(bytes_of(named.config().name).subspan(4), 0));
    std::vector<userblk_list_entry> entries(8, filled<userblk_list_entry>());
    userblk_list list = filled<userblk_list>();
    list.entries = address(entries.data());
    list.count = 8;
    list.entry_size = sizeof(userblk_list_entry);
    list.first = 0;
    stain_stack(device.control());
    ASSERT_EQ(control_error(USERBLK_LIST, &list), 0);
    ASSERT_EQ(list.count, 2u);
    expect_clean(bytes_of(list), "LIST");
    for (std::size_t i = 0; i < entries.size(); i++) {
        if (i >= 2) {
            EXPECT_TRUE(all(bytes_of(entries[i]), untouched));
            continue;
        }
        expect_clean(bytes_of(entries[i]), "LIST's entry");
        EXPECT_EQ(entries[i].store_class, 0u);
    }
    EXPECT_TRUE(all(bytes_of(entries[1].name).subspan(4), 0));
}

// A failing call writes nothing beyond what its interface documents.
TEST_F(Leak, CallsThatFail) {
    const unsigned long commands[] = {USERBLK_GET,  USERBLK_PUT,    USERBLK_SERVE, USERBLK_RESET,
                                      USERBLK_INFO, USERBLK_RESIZE, USERBLK_WAKE};
    for (const unsigned long command : commands) {
        Buffer argument(4096);
        argument.fill(untouched);
        stain_stack(device.control());
        EXPECT_NE(ioctl_error(device.control(), command, argument.data()), 0) << command;
        EXPECT_TRUE(argument.all(untouched)) << command;
    }
    for (const unsigned long command : {USERBLK_CREATE, USERBLK_REMOVE, USERBLK_LIST}) {
        Buffer argument(4096);
        argument.fill(untouched);
        EXPECT_NE(control_error(command, argument.data()), 0) << command;
        EXPECT_TRUE(argument.all(untouched)) << command;
    }
}

// Every file about the devices in sysfs and proc, read as root and without privileges. Only root
// may see the addresses of the module's sections.
TEST_F(Leak, TextFiles) {
    const std::vector<Io> ios = device.read_many(4);
    take_each(device.control(), 2);
    const auto look = [&]() -> int {
        int files = 0;
        const std::string folders[] = {
            "/sys/block/" + device.name(), "/sys/class/userblk", "/sys/module/userblk",
            "/sys/class/userblk/userblkc" + std::to_string(device.number())};
        for (const std::string& folder : folders) {
            std::error_code error;
            for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
                if (!entry.is_regular_file() ||
                    entry.path().string().find("/sections/") != std::string::npos)
                    continue;
                expect_clean(content_of(entry.path()), entry.path());
                files++;
            }
        }
        for (const std::string& file :
             {"/proc/self/fdinfo/" + std::to_string(device.control()), std::string("/proc/devices"),
              std::string("/proc/diskstats"), std::string("/proc/partitions"),
              std::string("/proc/self/wchan")}) {
            expect_clean(content_of(file), file);
            files++;
        }
        return files;
    };
    const int files = look();
    EXPECT_GT(files, 40);
    figure("files looked through for addresses", std::to_string(files));
    Child child([&](ChildSide&) {
        become(Kind::plain);
        look();
        // the section addresses, which an ordinary user cannot read
        const std::string sections = content_of("/sys/module/userblk/sections/.text");
        return testing::Test::HasFailure() || !sections.empty();
    });
    EXPECT_EQ(child.wait(), 0);
}

// Uevents that everybody sees about devices that appear, wait and go; and the tracepoints.
TEST_F(Leak, EventsAndTraces) {
    const Fd events(
        socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = 1;
    ASSERT_EQ(bind(events.get(), reinterpret_cast<sockaddr*>(&local), sizeof(local)), 0);
    const Tracing tracing;
    {
        TestDevice loud;
        const Io io = loud.read(0, 4096);
        const userblk_request request = take(loud.control());
        EXPECT_EQ(reset_all(loud.control()).count, 1u);
        EXPECT_EQ(put(loud.control(), complete(request.id)), ESTALE);
        // A request whose record cannot be written goes back into the queue.
        EdgeMemory memory(4096);
        auto* const told =
            reinterpret_cast<userblk_request*>(memory.before_edge(sizeof(userblk_request)));
        *told = record();
        memory.make_read_only();
        EXPECT_EQ(get(loud.control(), {told, 1}).error, EFAULT);
        EXPECT_EQ(put(loud.control(), complete(take(loud.control()).id, -EIO)), 0);
        EXPECT_EQ(io->result(), EIO);
        const Fd file = memory_file(4096);
        const Io elsewhere = loud.read(0, 4096);
        EXPECT_EQ(put(loud.control(), redirect(take(loud.control()), file.get(), 0)), 0);
        EXPECT_EQ(elsewhere->result(), 0);
    }
    int messages = 0;
    char text[16384];
    for (ssize_t n; (n = recv(events.get(), text, sizeof(text), 0)) > 0; messages++)
        expect_clean(std::string(text, static_cast<std::size_t>(n)), "uevent");
    EXPECT_GT(messages, 2);
    for (const char* event : {"userblk_queue", "userblk_get", "userblk_put", "userblk_put_back",
                              "userblk_undo", "userblk_redirected", "userblk_reset"}) {
        EXPECT_FALSE(tracing.lines(event).empty()) << event;
        for (const std::string& line : tracing.lines(event))
            expect_clean(line, event);
    }
}

} // namespace userblk::test
