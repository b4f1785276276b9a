// SPDX-License-Identifier: MIT
//
// usage: sized_driver [OPTION...]
//
// A driver made with run() whose store has a fixed size, 8 MiB of zeros.
#include "userblk/userblk.hpp"

int main(int argc, char** argv) {
    return userblk::run(argc, argv, [](const userblk::RunArguments&) {
        return std::make_shared<userblk::NullBackend>(8 << 20);
    });
}
