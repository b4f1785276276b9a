// SPDX-License-Identifier: MIT
#pragma once

#include "ioctl/file_descriptor.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/ctl/serve/serve_options.hpp"
#include "userblk/ctl/serve/served_device.hpp"
#include "userblk/log.hpp"
#include "userblk/pool.hpp"

#include <functional>
#include <string>
#include <utility>

namespace userblk::ctl {

/// Serves a device from a store, with workers that this process supervises, until a signal or the
/// removal of the device.
class DeviceServer {
public:
    /// @param takes_over this process continues another one, whose workers serve: only vital
    ///                   failures may end it
    DeviceServer(const ServeOptions& options, BackendSpec store, LogFunction log, bool takes_over)
        : options_(options), store_(std::move(store)), log_(std::move(log)),
          takes_over_(takes_over) {}

    /// @param ready called once the device is served and its links exist
    /// @returns the exit status
    /// @throws std::exception if this process takes over and fails before it has
    int serve(ServedDevice device, const std::function<void()>& ready) const;

private:
    /// The store that is served, kept open: its path may lead elsewhere later.
    struct OpenStore {
        abi::FileDescriptor fd;
        std::string path;
        std::string identity;
        bool one_thread = false;
    };

    OpenStore claim_store(const ServedDevice& device) const;
    PoolOptions pool_options(const ServedDevice& device, const OpenStore& open) const;
    StoreFactory factory(const OpenStore& open) const;

    const ServeOptions& options_;
    BackendSpec store_;
    LogFunction log_;
    bool takes_over_;
};

/// The pool's options with the hooks of a serve command. The caller adds record, log and store.
PoolOptions pool_options_for(const ServedDevice& device, const ServeOptions& options,
                             const BackendSpec& store);

} // namespace userblk::ctl
