// SPDX-License-Identifier: MIT
#include "userblk/backend_spec.hpp"

#include "tests/unit/userblk/temporary.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/backends/nbd_store.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace userblk {
namespace {

using namespace std::chrono_literals;
using Kind = BackendSpec::Kind;

template <class Call>
std::string complaint(Call&& call) {
    try {
        call();
    } catch (const std::exception& error) {
        return error.what();
    }
    return {};
}

// Each kind of store is parsed, with any characters in a path.
TEST(Spec, StoresAreUnderstood) {
    EXPECT_EQ(BackendSpec::parse("mem:").kind(), Kind::memory);
    EXPECT_EQ(BackendSpec::parse("mem:scratch").argument(), "scratch");
    EXPECT_EQ(BackendSpec::parse("null:").kind(), Kind::null);
    const auto file = BackendSpec::parse("file:/srv/a,b:c=d e");
    EXPECT_EQ(file.kind(), Kind::file);
    EXPECT_EQ(file.argument(), "/srv/a,b:c=d e");
    EXPECT_EQ(BackendSpec::parse("log,delay=10ms,file:x").argument(), "x");
    for (const std::string uri :
         {"nbd://server", "nbd://[::1]:10809/a,b", "nbds://server:1/disk?tls-certificates=/etc/pki",
          "nbd+unix:///?socket=/run/nbd.sock", "nbds+unix://me@?x=1&socket=/run/nbd.sock"}) {
        const auto nbd = BackendSpec::parse("log," + uri);
        EXPECT_EQ(nbd.kind(), Kind::nbd);
        EXPECT_EQ(nbd.argument(), uri);
        EXPECT_TRUE(nbd.is_async() && nbd.has_size());
    }
}

// URIs of one export have one identity, those of others have others.
TEST(Spec, UrisOfOneExportAreEqual) {
    EXPECT_EQ(nbd_identity("nbd://server/a"), nbd_identity("nbds://me@server:10809/a?tls-x=/y"));
    EXPECT_EQ(nbd_identity("nbd://[::1]"), nbd_identity("nbd://[::1]:10809/"));
    EXPECT_EQ(nbd_identity("nbd+unix:///a?socket=/s"),
              nbd_identity("nbds+unix://me@/a?x=1&socket=/s&y=2"));
    EXPECT_NE(nbd_identity("nbd://server/a"), nbd_identity("nbd://server/b"));
    EXPECT_NE(nbd_identity("nbd://server/a"), nbd_identity("nbd://server:1/a"));
    EXPECT_NE(nbd_identity("nbd+unix:///a?socket=/s"), nbd_identity("nbd+unix:///a?socket=/t"));
}

// A URI that can lead nowhere is refused before anybody connects, with what would be right.
TEST(Spec, BadUrisAreNamedTogetherWithGoodOnes) {
    for (const auto* text : {"nbd://", "nbd:///disk", "nbd://:10809/", "nbd://a b/", "nbd://me@/",
                             "nbd+unix:///disk", "nbd+unix:///?socket=nbd.sock",
                             "nbd+unix:///?xsocket=/run/nbd", "nbd+unix://host/?socket=/run/nbd"}) {
        const auto words = complaint([=] { BackendSpec::parse(text); });
        EXPECT_NE(words.find("expected nbd://HOST"), std::string::npos) << text << ": " << words;
    }
    auto memory = BackendSpec::parse("mem:");
    EXPECT_NE(complaint([&] { memory.set_retry(1s); }).find("another machine"), std::string::npos);
    EXPECT_NO_THROW(BackendSpec::parse("nbd://server").set_retry(1s));
    EXPECT_NO_THROW(BackendSpec::parse("fence=wait:infinity,log,nbd://server"));
    for (const auto* text : {"fence=,nbd://server", "fence=wait,nbd://server",
                             "fence=wait:0s,nbd://server", "fence=none,mem:"})
        EXPECT_NE(complaint([=] { BackendSpec::parse(text); }).find("fence"), std::string::npos)
            << text;
}

// The error names the bad spec and the valid ones.
TEST(Spec, BadStoresAreNamedTogetherWithGoodOnes) {
    for (const auto* text :
         {"", "mem", "fil:x", "/srv/disk", "log,", "log,mem",
          "slow,mem:", "delay=,mem:", "delay=3x,mem:", "delay=infinity,mem:", "errors=0,null:",
          "errors=x,null:", "file:", "null:x", "mem:a/b", "mem:..", "null:,log", "LOG,null:"}) {
        const auto words = complaint([=] { BackendSpec::parse(text); });
        EXPECT_FALSE(words.empty()) << text;
        const bool about_time = words.starts_with("invalid time");
        EXPECT_NE(words.find(about_time ? "30s" : "file:PATH"), std::string::npos) << words;
    }
}

// Only a plain file can be redirected to, and no decorator that needs the data may precede it.
TEST(Spec, OnlyAFileAloneIsRedirectedTo) {
    auto file = BackendSpec::parse("file:/srv/disk");
    EXPECT_NO_THROW(file.set_data_path(FileBackend::DataPath::direct));
    for (const auto* text : {"mem:", "null:", "log,file:/srv/disk", "readonly,file:x"}) {
        auto spec = BackendSpec::parse(text);
        EXPECT_NE(complaint([&] {
                      spec.set_data_path(FileBackend::DataPath::redirect);
                  }).find("redirected"),
                  std::string::npos)
            << text;
        EXPECT_NO_THROW(spec.set_data_path(FileBackend::DataPath::copy));
    }
}

// Before a device is created, the store describes it.
TEST(Spec, AStoreDescribesItsDevice) {
    test::TemporaryFolder folder;
    const auto file = BackendSpec::parse("file:" + folder.file("disk", 1 << 20));
    EXPECT_EQ(file.describe(0).size, 1U << 20);
    EXPECT_EQ(file.describe(4096).size, 4096U);
    EXPECT_TRUE(file.describe(0, true).read_only);
    EXPECT_TRUE(BackendSpec::parse("readonly,mem:").describe(4096).read_only);
    EXPECT_TRUE(BackendSpec::parse("mem:").describe(4096).discard);
    EXPECT_NE(complaint([&] { file.describe(2 << 20); }).find("does not fit"), std::string::npos);
    EXPECT_NE(complaint([] { BackendSpec::parse("mem:").describe(0); }).find("needs a size"),
              std::string::npos);
}

// A file that is shorter than the device is refused before it is served.
TEST(Spec, AFileThatIsTooShortIsRefused) {
    test::TemporaryFolder folder;
    const auto spec = BackendSpec::parse("file:" + folder.file("disk", 1 << 20));
    EXPECT_TRUE(spec.open({.number = 0, .diskseq = 1, .size = 1 << 20, .read_only = false}));
    const auto words = complaint(
        [&] { spec.open({.number = 0, .diskseq = 1, .size = 2 << 20, .read_only = false}); });
    EXPECT_NE(words.find("1M (1048576 bytes)"), std::string::npos) << words;
    EXPECT_NE(words.find("2M"), std::string::npos) << words;
}

// Decorators act in the order in which they are written: the outermost first.
TEST(Spec, DecoratorsActInOrder) {
    std::vector<std::string> lines;
    const LogFunction log = [&](LogLevel, const std::string& text) { lines.push_back(text); };
    const DeviceContext device{.number = 0, .diskseq = 1, .size = 4096, .read_only = false};
    const auto data = test::filled(512, 1);

    const auto told = BackendSpec::parse("log,errors=1,null:").open(device, log);
    EXPECT_EQ(told->write(0, data, {}), std::errc::io_error);
    EXPECT_EQ(lines.size(), 1U);

    const auto untold = BackendSpec::parse("errors=1,log,null:").open(device, log);
    EXPECT_EQ(untold->write(0, data, {}), std::errc::io_error);
    EXPECT_EQ(lines.size(), 1U);

    const auto slow = BackendSpec::parse("delay=20ms,readonly,null:").factory()(device);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(slow->write(0, data, {}), std::errc::read_only_file_system);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

// Unnamed memory belongs to one device; a later device with the same number gets other memory.
TEST(Spec, MemoryBelongsToItsDevice) {
    const auto own = static_cast<std::uint64_t>(::getpid()); // other tests run in parallel
    const DeviceContext first{.number = 4095, .diskseq = own, .size = 4096, .read_only = false};
    const DeviceContext second{.number = 4094, .diskseq = own, .size = 4096, .read_only = false};
    const auto spec = BackendSpec::parse("mem:");
    const auto one = spec.open(first), other = spec.open(second);
    auto data = test::filled(4096, 0x11);
    EXPECT_FALSE(one->write(0, data, {}));
    EXPECT_FALSE(other->read(0, data));
    EXPECT_EQ(data, test::filled(4096, 0));
    for (const auto& device : {first, second})
        MemoryBackend::remove(MemoryBackend::segment_of(device.number, device.diskseq));
}

} // namespace
} // namespace userblk
