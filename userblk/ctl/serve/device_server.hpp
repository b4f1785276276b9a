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

/// Serves a device by a store in this process and its workers, until a signal or the removal of
/// the device ends it.
class DeviceServer {
public:
    /// @param takes_over this process continues another one, whose workers serve: what is not vital
    ///                   must not end it
    DeviceServer(const ServeOptions& options, BackendSpec store, LogFunction log, bool takes_over)
        : options_(options), store_(std::move(store)), log_(std::move(log)),
          takes_over_(takes_over) {}

    /// @param ready called when the device is served and its links are there
    /// @returns the exit status
    int serve(ServedDevice device, const std::function<void()>& ready) const;

private:
    /// The store that is served, open wherever its path leads by then.
    struct OpenStore {
        abi::FileDescriptor fd;
        std::string path;
        std::string identity;
    };

    OpenStore claim_store(const ServedDevice& device) const;
    PoolOptions pool_options(const ServedDevice& device, const OpenStore& open) const;
    BackendFactory factory(const OpenStore& open) const;

    const ServeOptions& options_;
    BackendSpec store_;
    LogFunction log_;
    bool takes_over_;
};

/// The pool's options with the hooks of a serve command; its record, log and store are the caller's
/// to add.
PoolOptions pool_options_for(const ServedDevice& device, const ServeOptions& options,
                             const BackendSpec& store);

} // namespace userblk::ctl
