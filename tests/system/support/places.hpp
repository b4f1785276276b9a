// SPDX-License-Identifier: MIT
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "tests/system/support/system_test.hpp"

namespace userblk::test {

// The drivers that do not touch the data, as they ship, and for comparison one that does.
enum class Driver { stripe, forward, worker_py };
std::ostream& operator<<(std::ostream& out, Driver driver);

inline constexpr std::uint64_t stripe_unit = 256 << 10; // of stripe.cpp, in bytes

// One of the drivers on a device, with its store; killed workers are replaced.
class Service {
public:
    Service(const TestDevice& device, Driver driver, std::vector<std::string> files);

    // The processes that carry requests out.
    std::vector<pid_t> workers() const;
    void kill(pid_t pid);
    // The other end of forward.
    Program& peer() { return peer_.front(); }
    void start_peer();
    std::string socket() const { return files_.front() + ".sock"; }
    // They exit on their own when their device is removed.
    void await_end();

private:
    Arguments command() const;
    Program start() const;

    std::string control_;
    std::vector<std::string> files_;
    Driver driver_;
    std::vector<Program> peer_, programs_;
};

class Places : public SystemTest {
protected:
    // Where the driver keeps the data: stripe on three files, the others on one.
    std::vector<std::string> stores(Driver driver, std::uint64_t size) const;
    static userblk_config config(Driver driver, std::uint64_t size);
};

} // namespace userblk::test
