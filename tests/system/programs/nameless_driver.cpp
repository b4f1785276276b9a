// SPDX-License-Identifier: MIT
//
// usage: nameless_driver [OPTION...] -- FILE
//
// A driver made with run() whose store has no name. Its workers begin when FILE is there.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "userblk/userblk.hpp"

namespace {

class Nameless : public userblk::TransparentDecorator {
public:
    Nameless(std::uint64_t size, std::string file)
        : TransparentDecorator(std::make_shared<userblk::NullBackend>(size)),
          file_(std::move(file)) {}

    // Called in each worker before it serves.
    std::vector<userblk::StoreFile> store_files() const override {
        while (::getpid() != supervisor_ && ::access(file_.c_str(), F_OK) < 0)
            ::usleep(10'000);
        return {};
    }

private:
    std::string file_;
    pid_t supervisor_ = ::getpid();
};

} // namespace

int main(int argc, char** argv) {
    return userblk::run(argc, argv, [](const userblk::RunArguments& arguments) {
        return std::make_shared<Nameless>(arguments.size, arguments.arguments.at(0));
    });
}
