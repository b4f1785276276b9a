// SPDX-License-Identifier: MIT
#include "userblk/backend_spec.hpp"

#include "userblk/backends/delay_backend.hpp"
#include "userblk/backends/error_backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/backends/log_backend.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/backends/nbd_store.hpp"
#include "userblk/backends/null_backend.hpp"
#include "userblk/backends/read_only_backend.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace userblk {

namespace {

constexpr std::string_view help =
    "a store is mem:, mem:NAME, file:PATH, null: or nbd://HOST/EXPORT, with log, "
    "readonly, delay=TIME or errors=N and a comma in front";

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
    throw std::invalid_argument("invalid store \"" + std::string(text) + "\": " + why + "; " +
                                std::string(help));
}

constexpr std::string_view fence_word = "fence=";

bool is_name(std::string_view text) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789._+:-";
    return !text.empty() && text.size() < 200 && text.front() != '.' &&
           text.find_first_not_of(allowed) == std::string_view::npos;
}

std::string sizes(std::uint64_t bytes) {
    return format_size(bytes) + " (" + format_count(bytes, "byte") + ")";
}

} // namespace

BackendSpec::Decoration BackendSpec::parse_decoration(std::string_view spec,
                                                      std::string_view text) {
    constexpr std::string_view delay = "delay=", errors = "errors=";
    if (text == "log")
        return Log{};
    if (text == "readonly")
        return ReadOnly{};
    if (text.starts_with(delay)) {
        const auto time = parse_duration(text.substr(delay.size()));
        if (time == infinity)
            refuse(spec, "a delay cannot be infinite");
        return Delay{time};
    }
    if (text.starts_with(errors)) {
        const auto number = text.substr(errors.size());
        std::uint64_t interval = 0;
        const auto [end, error] = std::from_chars(number.begin(), number.end(), interval);
        if (error != std::errc() || end != number.end() || interval == 0)
            refuse(spec, "\"" + std::string(number) + "\" is not a number of calls");
        return Errors{interval, std::make_shared<std::atomic<std::uint64_t>>(0)};
    }
    refuse(spec, "unknown word \"" + std::string(text) + "\"");
}

std::chrono::nanoseconds BackendSpec::parse_fence(std::string_view spec, std::string_view text) {
    constexpr std::string_view wait = "wait:";
    if (text == "none")
        return {};
    if (!text.starts_with(wait))
        refuse(spec, "\"" + std::string(text) +
                         "\" is no fence; expected fence=none or "
                         "fence=wait:TIME");
    const auto time = parse_duration(text.substr(wait.size()));
    if (time.count() == 0)
        refuse(spec, "a time of 0 is fence=none");
    return time;
}

NbdOptions BackendSpec::nbd_options(const LogFunction& log) const {
    return {retry_, fence_.value_or(nbd_default_fence), log};
}

BackendSpec BackendSpec::parse(std::string_view text) {
    BackendSpec spec;
    spec.text_ = text;
    const auto take = [&spec](std::string_view rest, std::string_view prefix, Kind kind) {
        if (!rest.starts_with(prefix))
            return false;
        spec.kind_ = kind;
        spec.argument_ = rest.substr(prefix.size());
        return true;
    };
    const auto take_uri = [&spec](std::string_view rest) {
        if (!is_nbd_uri(rest))
            return false;
        spec.kind_ = Kind::nbd;
        spec.argument_ = rest;
        return true;
    };
    auto rest = text;
    while (!take_uri(rest) && !take(rest, "mem:", Kind::memory) &&
           !take(rest, "file:", Kind::file) && !take(rest, "null:", Kind::null)) {
        const auto comma = rest.find(',');
        if (comma == std::string_view::npos)
            refuse(text, rest.empty() ? "it names no store"
                                      : "unknown store \"" + std::string(rest) + "\"");
        const auto word = rest.substr(0, comma);
        if (word.starts_with(fence_word))
            spec.fence_ = parse_fence(text, word.substr(fence_word.size()));
        else
            spec.decorations_.push_back(parse_decoration(text, word));
        rest.remove_prefix(comma + 1);
    }
    if (spec.kind_ == Kind::file && spec.argument_.empty())
        refuse(text, "file: needs the path of a file or a block device");
    if (spec.kind_ == Kind::nbd)
        check_nbd_uri(spec.argument_);
    else if (spec.fence_)
        refuse(text,
               "fence= is for stores on NBD servers; writes to others end with their process");
    if (spec.kind_ == Kind::null && !spec.argument_.empty())
        refuse(text, "null: takes no argument");
    if (spec.kind_ == Kind::memory && !spec.argument_.empty() && !is_name(spec.argument_))
        refuse(text, "a name consists of letters, digits and \"._+:-\"");
    return spec;
}

void BackendSpec::set_data_path(FileBackend::DataPath data_path) {
    if (data_path != FileBackend::DataPath::copy && kind_ != Kind::file)
        refuse(text_, "requests can only be redirected to a file or a block device (file:PATH)");
    if (data_path != FileBackend::DataPath::copy && !decorations_.empty())
        refuse(text_, "redirected data would bypass the words before file:");
    data_path_ = data_path;
}

void BackendSpec::set_retry(std::chrono::nanoseconds retry) {
    if (kind_ != Kind::nbd)
        refuse(text_, "only a store on another machine (nbd://HOST/EXPORT) is tried again");
    retry_ = retry;
}

bool BackendSpec::read_only() const noexcept {
    return std::any_of(decorations_.begin(), decorations_.end(), [](const Decoration& decoration) {
        return std::holds_alternative<ReadOnly>(decoration);
    });
}

Description BackendSpec::describe(std::uint64_t size, bool read_only) const {
    read_only = read_only || this->read_only();
    Description description;
    if (kind_ == Kind::file) {
        description =
            FileBackend(argument_,
                        read_only ? FileBackend::Mode::read_only : FileBackend::Mode::read_write,
                        data_path_, open_file_)
                .describe();
        if (size > description.size)
            throw std::invalid_argument("a device of " + sizes(size) + " does not fit into " +
                                        argument_ + ", which has " + sizes(description.size));
        if (size != 0)
            description.size = size;
        return description;
    }
    if (kind_ == Kind::nbd) {
        EventLoop loop; // never runs
        description = open_nbd(loop, argument_, size, nbd_options({}))->describe();
        description.read_only |= read_only;
        if (size != 0)
            description.size = size;
        return description;
    }
    if (size == 0)
        throw std::invalid_argument("a device for " + text_ + " needs a size");
    description = NullBackend(size).describe();
    description.read_only = read_only;
    if (kind_ == Kind::memory)
        description.discard_granularity = 4096;
    return description;
}

std::string BackendSpec::segment(const DeviceContext& device) const {
    return argument_.empty() ? MemoryBackend::segment_of(device.number, device.diskseq)
                             : MemoryBackend::segment_named(argument_);
}

std::string BackendSpec::path(const DeviceContext& device) const {
    if (kind_ == Kind::memory)
        return MemoryBackend::path_of(segment(device));
    return kind_ == Kind::file ? argument_ : "";
}

std::shared_ptr<Backend> BackendSpec::open_store(const DeviceContext& device) const {
    switch (kind_) {
    case Kind::memory:
        return std::make_shared<MemoryBackend>(segment(device), device.size, open_file_);
    case Kind::null:
        return std::make_shared<NullBackend>(device.size);
    case Kind::nbd:
        throw std::invalid_argument(text_ + " is served asynchronously only");
    case Kind::file:
        break;
    }
    const bool readable_only = device.read_only || read_only();
    auto file = std::make_shared<FileBackend>(
        argument_, readable_only ? FileBackend::Mode::read_only : FileBackend::Mode::read_write,
        data_path_, open_file_);
    if (file->describe().size < device.size)
        throw std::invalid_argument(argument_ + " has " + sizes(file->describe().size) +
                                    ", which is less than the device's " + sizes(device.size) +
                                    "; extend it (truncate -s) or shrink the device");
    return file;
}

std::shared_ptr<Backend> BackendSpec::open(const DeviceContext& device,
                                           const LogFunction& log) const {
    auto backend = open_store(device);
    struct Wrap {
        std::shared_ptr<Backend>& backend;
        const LogFunction& log;
        void operator()(const Log&) const {
            backend = std::make_shared<LogBackend>(backend, log ? log : log_to_stderr("userblk"));
        }
        void operator()(const ReadOnly&) const {
            backend = std::make_shared<ReadOnlyBackend>(backend);
        }
        void operator()(const Delay& delay) const {
            backend = std::make_shared<DelayBackend>(backend, delay.time);
        }
        void operator()(const Errors& errors) const {
            backend = std::make_shared<ErrorBackend>(backend, errors.interval);
        }
    };
    for (auto decoration = decorations_.rbegin(); decoration != decorations_.rend(); ++decoration)
        std::visit(Wrap{backend, log}, *decoration);
    return backend;
}

std::unique_ptr<AsyncBackend> BackendSpec::open(const DeviceContext& device, EventLoop& loop,
                                                const LogFunction& log) const {
    if (!is_async())
        throw std::invalid_argument(text_ + " is not served asynchronously");
    auto backend = open_nbd(loop, argument_, device.size, nbd_options(log));
    struct Wrap {
        std::unique_ptr<AsyncBackend>& backend;
        EventLoop& loop;
        const LogFunction& log;
        void operator()(const Log&) const {
            backend = std::make_unique<AsyncLogBackend>(loop, std::move(backend),
                                                        log ? log : log_to_stderr("userblk"));
        }
        void operator()(const ReadOnly&) const {
            backend = std::make_unique<AsyncReadOnlyBackend>(loop, std::move(backend));
        }
        void operator()(const Delay& delay) const {
            backend = std::make_unique<AsyncDelayBackend>(loop, std::move(backend), delay.time);
        }
        void operator()(const Errors& errors) const {
            backend = std::make_unique<AsyncErrorBackend>(loop, std::move(backend), errors.interval,
                                                          errors.calls);
        }
    };
    for (auto decoration = decorations_.rbegin(); decoration != decorations_.rend(); ++decoration)
        std::visit(Wrap{backend, loop, log}, *decoration);
    return backend;
}

StoreFactory BackendSpec::store_factory(LogFunction log) const {
    if (!is_async())
        return factory(std::move(log));
    return [spec = *this, log = std::move(log)](const DeviceContext& device, EventLoop& loop) {
        return spec.open(device, loop, log);
    };
}

BackendFactory BackendSpec::factory(LogFunction log) const {
    return [spec = *this, log = std::move(log)](const DeviceContext& device) {
        return spec.open(device, log);
    };
}

} // namespace userblk
