// SPDX-License-Identifier: MIT
// Stores on the command line, with decorators: refused with a message, or understood as written.
#include "fuzz.hpp"

#include "userblk/backend_spec.hpp"
#include "userblk/backends/memory_backend.hpp"

#include <stdexcept>

using namespace userblk;

namespace {

void check(const BackendSpec& spec, std::string_view text) {
    using Kind = BackendSpec::Kind;
    fuzz::require(spec.text() == text, "a store knows how it was given");
    fuzz::require(text.ends_with(spec.argument()), "the argument is what comes last");
    fuzz::require(spec.kind() != Kind::file || !spec.argument().empty(), "a file has a path");
    fuzz::require(spec.kind() != Kind::null || spec.argument().empty(), "null: has no argument");
    if (spec.kind() == Kind::memory)
        fuzz::require(MemoryBackend::segment_named(spec.argument()).find('/') == std::string::npos,
                      "a name of memory leads nowhere else");
    if (spec.has_size()) // the file or server may exist, and would be opened
        return;
    const auto description = spec.describe(1 << 20);
    fuzz::require(description.size == 1 << 20, "it is as large as it was asked to be");
    const auto again = BackendSpec::parse(spec.text());
    fuzz::require(again.describe(1 << 20).read_only == description.read_only, "twice the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    try {
        check(BackendSpec::parse(text), text);
    } catch (const std::invalid_argument&) {
    }
    return 0;
}
