// SPDX-License-Identifier: MIT
//
// The tools show a device's current state: who serves it, from which store, how large it can be;
// and nothing in it acts on the viewer's terminal.
#include <sstream>

#include <sys/prctl.h>

#include "tests/support/json_page.hpp"
#include "tests/system/support/drivers.hpp"
#include "tests/system/support/system_test.hpp"

namespace userblk::test {

class View : public SystemTest {
protected:
    static std::string ctl(const Arguments& command) {
        Arguments argv{built("userblkctl")};
        argv.insert(argv.end(), command.begin(), command.end());
        return succeed(argv);
    }
    static Outcome try_ctl(const Arguments& command) {
        Arguments argv{built("userblkctl")};
        argv.insert(argv.end(), command.begin(), command.end());
        return run(argv);
    }
    // One column of the list.
    static std::string listed(const std::string& device, const std::string& column) {
        std::string text = ctl({"list", "-n", "-o", column, device});
        text.erase(text.find_last_not_of('\n') + 1);
        return text;
    }
    // The output's lines on a terminal of that many columns.
    static std::vector<std::string> on_terminal(unsigned columns, const std::string& command) {
        const std::string out =
            succeed({"script", "-qec", "stty cols " + std::to_string(columns) + "; " + command,
                     "/dev/null"});
        std::vector<std::string> lines;
        std::istringstream stream(out);
        for (std::string line; std::getline(stream, line);)
            lines.push_back(line.substr(0, line.find('\r')));
        return lines;
    }
};

// A device is new, is served from a file by two workers, loses them all, and is served again: at
// every moment list, info, JSON and top show the current state.
TEST_F(View, TheStateIsThatOfNow) {
    const std::string store = make_file("store.img", 16 * mib);
    const TestDevice device(test_config(), TestDevice::Begin::not_served);
    const std::string& name = device.name();
    EXPECT_EQ(listed(name, "STATE"), "new");
    EXPECT_EQ(listed(name, "SERVERS"), "0");
    EXPECT_TRUE(has(ctl({"info", name}), "never served"));
    {
        Supervisor supervisor(device, "log,file:" + store, 2, {"--threads", "3"});
        ctl({"wait", name});
        EXPECT_TRUE(eventually([&] { return listed(name, "SERVERS") == "2"; }));
        EXPECT_EQ(listed(name, "STATE"), "served");
        EXPECT_EQ(listed(name, "STORE"), "log,file:" + store);
        EXPECT_TRUE(has(listed(name, "OPTIONS"), "2 workers of 3 threads"));
        const std::string text = ctl({"info", name});
        EXPECT_TRUE(has(text, "served by 2 processes")) << text;
        EXPECT_TRUE(has(text, "log,file:" + store)) << text;
        const std::string json = ctl({"info", "--json", name});
        EXPECT_TRUE(has(json, "\"servers\": 2")) << json;
        EXPECT_TRUE(has(json, "\"workers\": 2")) << json;
        supervisor.kill_all();
    }
    EXPECT_EQ(listed(name, "STATE"), "unserved");
    EXPECT_EQ(listed(name, "SERVERS"), "0");
    EXPECT_NE(listed(name, "UNSERVED"), "");
    EXPECT_EQ(listed(name, "STORE"), "");
    EXPECT_TRUE(has(ctl({"info", name}), "unserved for "));
    EXPECT_TRUE(has(ctl({"list", "--json", name}), "\"state\": \"unserved\""));
    Supervisor again(device, "file:" + store, 1);
    ctl({"wait", name});
    EXPECT_TRUE(eventually([&] { return listed(name, "SERVERS") == "1"; }));
    EXPECT_EQ(listed(name, "STATE"), "served");
    EXPECT_EQ(listed(name, "UNSERVED"), "");
    again.stop();
}

// A worker's name contains the sequence that clears a terminal; root looks up who holds what.
TEST_F(View, NamesOfTakersAreShownAsText) {
    TestDevice device;
    device.read(0, 4096);
    Child taker([&](ChildSide& side) -> int {
        prctl(PR_SET_NAME, "\x1b[2J\xc2\x9b\xffx");
        take(device.control());
        side.tell();
        side.sleep_for_ever();
    });
    taker.await();
    for (const Arguments& argv :
         std::vector<Arguments>{{built("userblkctl"), "info", device.name()},
                                {built("userblkctl"), "info", "--json", device.name()},
                                {built("userblk-recover"), device.name()},
                                {built("userblk-recover"), "--json", device.name()}}) {
        const std::string out = succeed(argv);
        EXPECT_FALSE(has(out, "\x1b")) << out;
        EXPECT_FALSE(has(out, "\xc2\x9b")) << out;
        EXPECT_FALSE(has(out, "\xffx")) << out;
        EXPECT_TRUE(has(out, "[2J")) << out;
    }
}

// docs/json.md describes every key that the tools print, and every key that it describes is
// printed: for a device served from a file, with requests held by a dead and a living process.
TEST_F(View, JsonIsWhatIsDescribed) {
    JsonPage page;
    const auto look = [&page](const std::string& printer, const std::string& text) {
        EXPECT_EQ(lines(page.faults(printer, text)), "") << text;
    };
    look("create", ctl({"create", "--json", "--size", "16M", "--name", "made"}));
    ctl({"remove", "made"});

    TestDevice device(full_config(16 * mib));
    const std::string& name = device.name();
    look("list", ctl({"list", "--json", name}));
    Program watch({built("userblk-recover"), "--watch", "--json", name});
    Child living([&](ChildSide& side) -> int {
        take(device.control());
        side.tell();
        side.sleep_for_ever();
    });
    const Io held = device.read(0, 4096);
    living.await();
    Child dead([&](ChildSide& side) -> int {
        take(device.control());
        side.tell();
        side.sleep_for_ever();
    });
    const Io lost = device.read(4096, 4096);
    dead.await();
    dead.kill();
    EXPECT_TRUE(eventually([&] { return info(device.control()).orphaned == 1; }));
    EXPECT_TRUE(eventually([&] { return has(watch.out(), "\"orphaned\""); }));
    const Outcome pending = run({built("userblk-recover"), "--json", name});
    EXPECT_EQ(pending.status, 3) << pending.text();
    look("recover", pending.out);
    look("info", ctl({"info", "--json", name}));
    watch.kill();
    look("watch", watch.out());

    Program healing({built("userblk-recover"), "--watch", "--reset", "--json", name});
    EXPECT_TRUE(eventually([&] { return has(healing.out(), "\"put_back\""); }));
    look("recover", run({built("userblk-recover"), "--reset", "--json", name}).out);
    look("reset", ctl({"reset", "--json", name}));
    look("reset", ctl({"reset", "--json", "--all", name}));
    Supervisor supervisor(device, "file:" + make_file("store.img", 16 * mib), 2,
                          {"--threads", "3"});
    EXPECT_EQ(held->result(), 0);
    EXPECT_EQ(lost->result(), 0);
    look("list", ctl({"list", "--json", name}));
    look("info", ctl({"info", "--json", name}));
    look("stats", ctl({"stats", "--json", name}));
    look("rates", ctl({"stats", "--json", "-i", "10ms", "-c", "2", name}));
    supervisor.stop();
    EXPECT_EQ(device.remove(), 0);
    EXPECT_TRUE(eventually([&] { return has(healing.out(), "\"removed\""); }));
    look("watch", healing.out());
    for (const char* printer :
         {"create", "list", "info", "stats", "rates", "recover", "reset", "watch"})
        EXPECT_EQ(lines(page.missing(printer)), "");
}

// One of two watched devices is removed: the other stays watched. When that one goes as well, stats
// ends.
TEST_F(View, StatsGoOnWhenOneDeviceGoes) {
    TestDevice one, other;
    Program stats({built("userblkctl"), "stats", "-i", "50ms", one.name(), other.name()});
    EXPECT_TRUE(eventually([&] { return has(stats.out(), one.name()); }));
    EXPECT_EQ(one.remove(), 0);
    EXPECT_TRUE(eventually([&] { return has(stats.err(), one.name() + " was removed"); }));
    const std::size_t before = stats.out().size();
    EXPECT_TRUE(eventually([&] { return has(stats.out().substr(before), other.name()); }));
    EXPECT_TRUE(stats.running());
    EXPECT_EQ(other.remove(), 0);
    EXPECT_EQ(stats.wait().status, 1);
}

// On a terminal of 80 columns no line is longer, and signs of trouble stay visible.
TEST_F(View, EightyColumnsShowWhatMatters) {
    const TestDevice device;
    const std::string command = built("userblkctl");
    for (const auto& [line, headings] : std::vector<std::pair<std::string, Arguments>>{
             {command + " stats -i 20ms -c 1", {"READS/s", "ERRORS/s", "PUT-BACK/s"}},
             {command + " top --once -i 20ms",
              {"QUEUED", "WAITING", "HELD", "ORPHANED", "ERRORS"}}}) {
        const auto lines = on_terminal(80, line);
        ASSERT_GE(lines.size(), 2u);
        for (const std::string& shown : lines)
            EXPECT_LE(shown.size(), 80u) << shown;
        for (const std::string& heading : headings)
            EXPECT_TRUE(has(lines[0], heading)) << lines[0];
    }
}

// list has lsblk's options: columns can be chosen, for people and for programs; only a terminal
// truncates a long store; stats has the same.
TEST_F(View, TablesAreThoseOfLsblk) {
    const std::string store =
        make_file("a store with a name that is long " + std::string(40, 'x'), 16 * mib);
    const TestDevice device;
    const std::string& name = device.name();
    Supervisor supervisor(device, "file:" + store, 1);
    ctl({"wait", name});
    EXPECT_TRUE(eventually([&] { return listed(name, "STORE") == "file:" + store; }));
    EXPECT_EQ(ctl({"list", "-r", "-b", "-o", "size,NAME,ro", name}), "SIZE NAME RO\n16777216  0\n");
    EXPECT_EQ(ctl({"list", "-P", "-o", "DEVICE,SIZE,NAME", name}),
              "DEVICE=\"" + name + "\" SIZE=\"16M\" NAME=\"\"\n");
    EXPECT_TRUE(has(ctl({"list", "-rn", "-o", "STORE", name}), "a\\x20store\\x20with"));
    EXPECT_TRUE(has(ctl({"list", "-o", "+DISKSEQ", name}), " STORE"));
    EXPECT_TRUE(has(ctl({"list", "-o", "+DISKSEQ", name}), " DISKSEQ\n"));
    EXPECT_EQ(ctl({"list", "--json", "-o", "SIZE,RO", name}),
              "[\n  {\n    \"size\": 16777216,\n    \"ro\": false\n  }\n]\n");
    const auto lines = on_terminal(80, built("userblkctl") + " list " + name);
    ASSERT_EQ(lines.size(), 2u);
    for (const std::string& line : lines)
        EXPECT_LE(line.size(), 80u) << line;
    EXPECT_TRUE(has(lines[1], "file:/")) << lines[1];

    const std::string counts = ctl({"stats", "-P", "-o", "DEVICE,PUT-BACK", name});
    EXPECT_EQ(counts, "DEVICE=\"" + name + "\" PUT_BACK=\"0\"\n");
    EXPECT_EQ(ctl({"stats", "-n", "-o", "DEVICE,STALE", "-i", "10ms", "-c", "2", name}),
              name + " 0\n" + name + " 0\n");
    supervisor.stop();
}

// A device in use is not removed, and the refusal says where it is used: mounted, also on a folder
// with blanks in its name, and a second time elsewhere; then as swap space.
TEST_F(View, ARefusalSaysWhereADeviceIsInUse) {
    const TestDevice device(full_config(16 * mib));
    Supervisor supervisor(device, "mem:", 1);
    ctl({"wait", device.name()});
    const std::string one = folder() + "/one place", other = folder() + "/other\tplace";
    shell(
        "mkfs.ext4 -q \"$1\" && mkdir \"$2\" \"$3\" && mount \"$1\" \"$2\" && mount \"$1\" \"$3\"",
        {device.block_path(), one, other});
    const Outcome mounted = try_ctl({"remove", device.name()});
    shell("umount \"$1\" \"$2\" && mkswap \"$3\" && swapon \"$3\"",
          {one, other, device.block_path()});
    const Outcome swap = try_ctl({"remove", device.name()});
    shell("swapoff \"$1\"", {device.block_path()});
    EXPECT_EQ(mounted.status, 1);
    EXPECT_TRUE(has(mounted.err, "mounted on " + one + ", mounted on " + folder() + "/other"))
        << mounted.err;
    EXPECT_EQ(swap.status, 1);
    EXPECT_TRUE(has(swap.err, "(used as swap space)")) << swap.err;
    supervisor.stop();
}

// A device cannot be larger than the file that it is served from: the tool says so and changes
// nothing, until the file has grown.
TEST_F(View, ADeviceIsNotMadeLargerThanItsStore) {
    const std::string store = make_file("store.img", 16 * mib);
    const TestDevice device;
    Supervisor supervisor(device, "file:" + store, 1);
    ctl({"wait", device.name()});
    const Outcome refused = try_ctl({"resize", device.name(), "32M"});
    EXPECT_EQ(refused.status, 1) << refused.text();
    for (const char* word : {"32M", "16M", "store.img", "truncate", "--force"})
        EXPECT_TRUE(has(refused.err, word)) << refused.err;
    EXPECT_EQ(info(device.control()).config.size, 16 * mib);
    shell("truncate -s 32M \"$1\"", {store});
    ctl({"resize", device.name(), "32M"});
    EXPECT_EQ(info(device.control()).config.size, 32 * mib);
    ctl({"resize", "--force", device.name(), "64M"});
    EXPECT_EQ(info(device.control()).config.size, 64 * mib);
    supervisor.stop();
}

// resize rounds the size of a file down to whole blocks and warns of that. A file without a whole
// block is refused.
TEST_F(View, ResizeWarnsOfAPartOfABlock) {
    const std::string store = make_file("store.img", 16 * mib);
    const TestDevice device;
    Supervisor supervisor(device, "file:" + store, 1);
    ctl({"wait", device.name()});
    for (const bool whole : {false, true}) {
        shell("truncate -s \"$2\" \"$1\"", {store, whole ? "32M" : "24M"});
        if (!whole)
            shell("truncate -s +1000 \"$1\"", {store});
        const Outcome resized = try_ctl({"resize", device.name(), "file:" + store});
        EXPECT_EQ(resized.status, 0) << resized.text();
        EXPECT_EQ(has(resized.err, "warning: " + store + " has 25166824 bytes"), !whole)
            << resized.err;
        EXPECT_EQ(has(resized.err, "the last 488 are not part of the device"), !whole)
            << resized.err;
        EXPECT_EQ(info(device.control()).config.size, whole ? 32 * mib : 24 * mib + 512);
    }
    ctl({"create", "--size", "1M", "--block-size", "4K", "--name", "large-blocks"});
    const Outcome refused =
        try_ctl({"resize", "large-blocks", "file:" + make_file("small.img", 1000)});
    EXPECT_EQ(refused.status, 2) << refused.text();
    EXPECT_TRUE(has(refused.err, "has 1000 bytes, less than one block of 4096")) << refused.err;
    ctl({"remove", "large-blocks"});
    supervisor.stop();
}

// A device is kept while its file grows, and is then served again: the message gives both sizes and
// the remedy.
TEST_F(View, ReuseSaysThatTheStoreHasGrown) {
    const std::string store = make_file("store.img", 16 * mib);
    ctl({"create", "--size", "16M", "--name", "kept"});
    shell("truncate -s 32M \"$1\"", {store});
    const Outcome served =
        try_ctl({"serve", "--create", "--reuse", "--keep", "--name", "kept", "--detach", "--log",
                 "file:" + folder() + "/log", "file:" + store});
    EXPECT_EQ(served.status, 0) << served.text();
    for (const char* word : {"warning", "16M", "32M", "userblkctl resize userblk0 file:"})
        EXPECT_TRUE(has(served.err, word)) << served.err;
    ctl({"remove", "kept"});
}

// A device whose path cannot be printed is removed: nobody would know which one it is.
TEST_F(View, NoDeviceIsLeftWhosePathCouldNotBePrinted) {
    const std::string tool = built("userblkctl");
    const std::string log = folder() + "/log";
    for (const std::string& command :
         {tool + " create --size 1M", tool + " create --size 1M --json",
          tool + " serve --create mem: --size 1M --detach --log file:" + log}) {
        const Outcome outcome = run({"bash", "-c", command + " >/dev/full"}, 3 * patience);
        EXPECT_EQ(outcome.status, 1) << command << outcome.text();
        EXPECT_TRUE(has(outcome.err, "No space left")) << command << outcome.text();
        EXPECT_TRUE(list_devices().empty()) << command;
    }
}

} // namespace userblk::test
