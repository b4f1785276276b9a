// SPDX-License-Identifier: MIT
#include "userblk/supervisor/service_manager.hpp"

#include "ioctl/file_descriptor.hpp"
#include "tests/unit/userblk/temporary.hpp"

#include <array>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace userblk {
namespace {

// A service manager's socket: notifications arrive unchanged.
TEST(ServiceManager, IsNotifiedThroughItsSocket) {
    test::TemporaryFolder folder;
    const std::string path = folder.path() / "notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const abi::FileDescriptor fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    notify_service_manager("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
    std::array<char, 64> text{};
    ASSERT_EQ(::recv(fd.get(), text.data(), text.size(), MSG_DONTWAIT), 7);
    EXPECT_STREQ(text.data(), "READY=1");
}

// Without a service manager, or with one that does not listen, nothing happens.
TEST(ServiceManager, NeedNotBeThere) {
    ::unsetenv("NOTIFY_SOCKET");
    notify_service_manager("READY=1");
    ::setenv("NOTIFY_SOCKET", "/proc/nowhere", 1);
    notify_service_manager("READY=1");
    ::setenv("NOTIFY_SOCKET", std::string(500, 'x').c_str(), 1);
    notify_service_manager("READY=1");
    ::unsetenv("NOTIFY_SOCKET");
}

} // namespace
} // namespace userblk
