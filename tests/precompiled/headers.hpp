// SPDX-License-Identifier: MIT
//
// What nearly every test includes and takes longest to read, read once for all of them. Each file
// still names what it needs: with -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON there is nothing of this.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
