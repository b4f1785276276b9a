// SPDX-License-Identifier: MIT
//
// Counts the data that pass through the memory of drivers that do not touch them: none.
#include <csignal>
#include <fstream>

#include "tests/support/process.hpp"
#include "tests/system/support/places.hpp"

namespace userblk::test {

// How often a text occurs in a process's writable memory.
std::uint64_t found_in_memory(pid_t pid, const std::string& text) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const Fd memory = open_file(folder + "/mem", O_RDONLY);
    std::ifstream maps(folder + "/maps");
    std::uint64_t found = 0;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char permissions[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions) != 3 ||
            permissions[1] != 'w')
            continue;
        std::string piece(1 << 20, 0);
        while (begin < end) { // the text never crosses a page
            const auto n = pread(memory.get(), piece.data(), std::min(piece.size(), end - begin),
                                 static_cast<off_t>(begin));
            const auto length = n > 0 ? static_cast<std::size_t>(n) : 4096;
            for (std::size_t at = 0; n > 0 && (at = piece.find(text, at)) < length; at++)
                found++;
            begin += length;
        }
    }
    return found;
}

struct Copied {
    std::uint64_t counted = 0; // bytes
    std::uint64_t found = 0;   // pieces of the data, left in memory
};

class Copying : public Places {
protected:
    static constexpr std::uint64_t size = 16 * mib;

    Copying() : marker_("the data that nobody looks at, " + std::to_string(getpid()) + folder()) {
        marker_.resize(64, '.');
    }

    // Writes and reads the device, with data that can be recognised wherever they end up.
    void load(const TestDevice& device) const {
        std::string block = marker_;
        block.resize(512, '-');
        std::ofstream out(folder() + "/data");
        for (std::uint64_t i = 0; i < size / block.size(); i++)
            out << block;
        out.close();
        shell(R"(dd if="$2/data" of="$1" bs=256k oflag=direct status=none
                 dd if="$1" of="$2/back" bs=256k iflag=direct status=none
                 cmp "$2/data" "$2/back")",
              {device.block_path(), folder()});
    }
    // How much these processes copy under that load.
    Copied copied(const TestDevice& device, const std::vector<pid_t>& pids) const {
        Copied result;
        for (const pid_t pid : pids)
            result.counted -= moved_by(pid);
        load(device);
        for (const pid_t pid : pids)
            ::kill(pid, SIGSTOP); // before they free memory
        for (const pid_t pid : pids) {
            eventually_in_state(pid, 'T');
            result.counted += moved_by(pid);
            result.found += found_in_memory(pid, marker_);
            ::kill(pid, SIGCONT);
        }
        return result;
    }
    static void tell(const std::string& name, const Copied& copied) {
        figure(name + ", bytes copied by its system calls / pieces of the data in its memory",
               std::to_string(copied.counted) + " / " + std::to_string(copied.found));
    }
    const std::string& marker() const { return marker_; }

private:
    std::string marker_;
};

// The same stripe under the same load of 16 MiB in each direction. With redirection forbidden, it
// copies all of the data through its memory, and the test sees it; with redirection it copies no
// byte.
TEST_F(Copying, StripeCopiesNothing) {
    const auto files = stores(Driver::stripe, size);
    Copied with, without;
    {
        userblk_config forbidding = config(Driver::stripe, size);
        forbidding.flags |= USERBLK_F_NO_REDIRECT;
        TestDevice device(forbidding);
        Service service(device, Driver::stripe, files);
        without = copied(device, service.workers());
        EXPECT_EQ(info(device.control()).redirects, 0u);
    }
    TestDevice device(config(Driver::stripe, size));
    Service service(device, Driver::stripe, files);
    with = copied(device, service.workers());
    const userblk_info now = info(device.control());
    EXPECT_EQ(now.redirects, now.gets - now.given_back);
    tell("stripe without REDIRECT", without);
    tell("stripe", with);
    EXPECT_GE(without.counted, 2 * size);
    EXPECT_GT(without.found, 0u);
    EXPECT_EQ(with.counted, 0u);
    EXPECT_EQ(with.found, 0u);
}

// forward and worker.py under the same load. The worker reads and writes all of the data twice, and
// the test sees it; the relays copy none. The peer does receive the written data, and the test
// finds them in its memory: it would have found them in the relays.
TEST_F(Copying, ForwardCopiesNothing) {
    allow_time(180s);
    const auto files = stores(Driver::forward, size);
    Copied python, relays, peer;
    {
        TestDevice device(config(Driver::worker_py, size));
        Service service(device, Driver::worker_py, files);
        python = copied(device, service.workers());
    }
    TestDevice device(config(Driver::forward, size));
    Service service(device, Driver::forward, files);
    relays = copied(device, service.workers());
    peer.found = found_in_memory(service.peer().pid(), marker());
    tell("worker.py", python);
    tell("forward", relays);
    tell("forward_peer", peer);
    EXPECT_GE(python.counted, 4 * size);
    EXPECT_GT(python.found, 0u);
    EXPECT_GT(peer.found, 0u);
    EXPECT_EQ(relays.counted, 0u);
    EXPECT_EQ(relays.found, 0u);
}

} // namespace userblk::test
