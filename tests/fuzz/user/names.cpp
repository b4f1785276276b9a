// SPDX-License-Identifier: MIT
// Names of devices and requests: numbers, nodes, names, ids. A text has only one meaning.
#include "fuzz.hpp"

#include "ioctl/lookup.hpp"
#include "ioctl/userblk_ioctl.h"
#include "userblk/cli/explain.hpp"
#include "userblk/ctl/config_check.hpp"
#include "userblk/inspect/survey.hpp"

#include <stdexcept>

using namespace userblk;

namespace {

void check_device(const std::string& text) {
    const auto number = abi::parse_device(text);
    if (number) {
        fuzz::require(*number < USERBLK_MAX_DEVICES, "there are no larger numbers");
        fuzz::require(text == std::to_string(*number) || text == abi::disk_name(*number) ||
                          text == abi::block_path(*number) || text == abi::control_path(*number),
                      "a number has four forms");
    }
    try {
        ctl::check_name(text);
        fuzz::require(!number || text.empty(), "no name is a number");
        fuzz::require(text.size() < USERBLK_NAME_LEN, "a name has room for its zero");
        fuzz::require(text.find('/') == std::string::npos, "a name leads nowhere else");
    } catch (const cli::UsageError&) {
    }
}

void check_request(const std::string& text) {
    try {
        const auto id = inspect::parse_id(text);
        fuzz::require(inspect::parse_id(inspect::id_text(id)) == id, "an id stays itself");
    } catch (const std::invalid_argument&) {
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(fuzz::text_of(data, size));
    check_device(text);
    check_request(text);
    return 0;
}
