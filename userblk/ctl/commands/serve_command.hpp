// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend_spec.hpp"
#include "userblk/ctl/command.hpp"
#include "userblk/ctl/serve/serve_options.hpp"
#include "userblk/ctl/serve/served_device.hpp"
#include "userblk/log.hpp"
#include "userblk/pool.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace userblk::ctl {

class Background;

/// Serves a device from a store, in the foreground or in the background.
class ServeCommand final : public Command {
public:
    std::string name() const override { return "serve"; }
    std::string summary() const override {
        return "Serve a device from memory, a file or a block device, with several processes";
    }
    std::string details() const override;
    void declare(CommandLine& line) override { options_.declare(line); }
    int run() override;

private:
    int start();
    int serve_here(const ServedDevice& device, const BackendSpec& store);
    int serve_in_background(const ServedDevice& device, const BackendSpec& store);
    void wait_until_served(Background& background, const ServedDevice& device) const;
    int take_over(const Pool::Continuation& continuation);
    int check_start(const std::optional<Pool::Continuation>& continuation) const;
    void check_others(std::uint32_t number, const BackendSpec& store) const;
    LogFunction open_log();

    ServeOptions options_;
    LogFunction log_;         ///< set once it is open
    bool takes_over_ = false; ///< from the program that a reload replaced, whose workers serve
};

} // namespace userblk::ctl
