// SPDX-License-Identifier: MIT
#include "userblk/ctl/serve/device_server.hpp"

#include "userblk/ctl/command.hpp"
#include "userblk/device.hpp"
#include "userblk/device/udev_links.hpp"
#include "userblk/inspect/survey.hpp"
#include "userblk/store/store_lock.hpp"

#include <cstdint>
#include <fcntl.h>
#include <optional>

namespace userblk::ctl {

namespace {

UdevLinks::Since links_since(std::uint32_t number) {
    const bool was_served = inspect::open_node(number).info().device.state != USERBLK_STATE_NEW;
    return was_served ? UdevLinks::Since::made : UdevLinks::Since::served;
}

} // namespace

PoolOptions pool_options_for(const ServedDevice& device, const ServeOptions& options,
                             const BackendSpec& store) {
    auto pool = options.pool_options();
    pool.reexec = options.command_line(store, {});
    pool.reexec_check = "--check";
    pool.change = [&options, store](const std::vector<std::string>& change) {
        return options.command_line(store, change);
    };
    pool.reexec_note = device.note();
    return pool;
}

// While this process has the file open, the file stays the device's even if all workers are dead,
// and workers serve it even if its path leads elsewhere. A process that takes over continues even
// without a claim: the workers that serve have theirs.
DeviceServer::OpenStore DeviceServer::claim_store(const ServedDevice& device) const {
    try {
        const auto context = Device(inspect::open_node(device.number())).context();
        const auto store = open_store(store_.store_factory(log_), context);
        claim_files(*store, context, options_.shares());
        const auto files = store->store_files();
        // The lock belongs to the open file. The backend's memory, which might be locked as well,
        // is released.
        const int fd = files.empty() || files.front().fd < 0
                           ? -1
                           : ::fcntl(files.front().fd, F_DUPFD_CLOEXEC, 0);
        return {abi::FileDescriptor(fd), store_.path(context), store_identity(files),
                store->describe().one_thread};
    } catch (const std::exception& error) {
        if (!takes_over_)
            throw;
        log_(LogLevel::warning, cli::explain(error));
        return {};
    }
}

PoolOptions DeviceServer::pool_options(const ServedDevice& device, const OpenStore& open) const {
    auto pool = pool_options_for(device, options_, store_);
    pool.record.store = store_.text();
    pool.record.options = options_.record_options();
    pool.record.identity = open.identity;
    if (!store_.is_async()) // what is locked instead has no data
        pool.store_fd = open.fd.get();
    pool.store_path = open.path;
    if (open.one_thread)
        pool.workers = pool.worker.threads = 1;
    pool.log = log_;
    pool.may_stop = device.removal_before_stop(options_.workers());
    return pool;
}

StoreFactory DeviceServer::factory(const OpenStore& open) const {
    auto store = store_;
    if (open.fd && !store.is_async())
        store.set_open_file(open.fd.get());
    return store.store_factory(log_);
}

int DeviceServer::serve(ServedDevice device, const std::function<void()>& ready) const {
    bool was_ready = !device.is_made();
    PoolEnd end = PoolEnd::failed;
    OpenStore open;
    std::optional<UdevLinks> links;
    std::optional<Pool> pool; // keeps signals blocked until the device is removed
    try {
        device.identify();
        links.emplace(device.number(), links_since(device.number()));
        open = claim_store(device);
        auto options = pool_options(device, open);
        options.may_be_ready = [&links] { return links->settled(); };
        options.ready = [&] {
            if (!links->complaint().empty())
                log_(LogLevel::warning, links->complaint());
            was_ready = true;
            ready();
        };
        end = pool.emplace(device.number(), factory(open), options).run();
    } catch (const std::exception& error) {
        if (Pool::continuation()) // the workers are still those of the previous program
            throw;
        log_(LogLevel::error, cli::explain(error));
    }
    if (end == PoolEnd::failed && !was_ready)
        device.undo();
    else if (end != PoolEnd::removed)
        device.remove_at_end(log_);
    return end == PoolEnd::stopped || end == PoolEnd::removed ? exit_success : exit_failure;
}

} // namespace userblk::ctl
