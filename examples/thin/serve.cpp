// SPDX-License-Identifier: MIT
#include "commands.hpp"
#include "thin_backend.hpp"

#include "userblk/serve_device.hpp"
#include "userblk/units.hpp"

#include <algorithm>
#include <stdexcept>

namespace thin {

namespace {

using namespace userblk;

constexpr std::uint64_t most_chunk = std::uint64_t(1) << 30;

// Keeps requests within the number of blocks that one answer can name.
std::uint32_t chunk_for(const Header& header) {
    return static_cast<std::uint32_t>(
        std::min(most_chunk, ThinBackend::most_blocks * header.block_size));
}

Device make_device(const Files& files, const ServeOptions& options, const Header& header) {
    if (Store(files.store, false).is_open_elsewhere())
        throw std::runtime_error(files.store +
                                 " is already served; to join, name its device: "
                                 "thin serve " +
                                 files.store + " DEV");
    auto config = DeviceConfig::for_backend(ThinBackend::description(header));
    config.chunk_size = chunk_for(header);
    config.name = options.name;
    return Device::create(config);
}

Device open_device(const ServeOptions& options, const Header& header) {
    auto device = Device::open(options.dev);
    const auto config = device.node().info().device.config;
    if (config.size != header.size)
        throw std::runtime_error(options.dev + " has " + std::to_string(config.size) +
                                 " bytes, but the volume has " + std::to_string(header.size));
    if (config.chunk_size == 0 || config.chunk_size > chunk_for(header))
        throw std::runtime_error(options.dev + " has " +
                                 (config.chunk_size ? "chunks of " + format_size(config.chunk_size)
                                                    : std::string("no chunk size")) +
                                 "; create it with userblkctl create --chunk-size " +
                                 format_size(chunk_for(header)) + ", or let thin serve create it");
    return device;
}

// Runs in each worker: descriptors and locks must be its own.
std::shared_ptr<Backend> open_backend(const Files& files, const DeviceContext& device) {
    auto backend = std::make_shared<ThinBackend>(files.store, files.map_path(),
                                                 std::make_unique<DeviceRequests>(device.number));
    if (!backend->volume().store().claim(device.diskseq))
        throw std::runtime_error(files.store + " is already served as another device");
    return backend;
}

} // namespace

int serve(const Files& files, const ServeOptions& options) {
    if (!options.dev.empty() && !options.name.empty())
        throw std::invalid_argument("--name is for a new device; " + options.dev +
                                    " exists already");
    const auto header = SharedMap(files.map_path(), MapFile::Mode::read_only).header();
    const auto log = log_to_stderr("thin", options.verbose ? LogLevel::debug : LogLevel::notice);
    const bool temporary = options.dev.empty() && !options.keep;
    const Device device =
        options.dev.empty() ? make_device(files, options, header) : open_device(options, header);
    PoolOptions pool;
    pool.workers = options.workers;
    pool.worker.threads = options.threads;
    pool.worker.wait = options.wait == "serve" ? WaitMode::serve : WaitMode::poll;
    pool.log = log;
    return serve_device(
        device, [&files](const DeviceContext& of) { return open_backend(files, of); }, pool,
        temporary, "Serve it again: thin serve " + files.store + " " + device.block_path());
}

} // namespace thin
