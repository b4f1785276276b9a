// SPDX-License-Identifier: MIT
#pragma once

#include "volume.hpp"

#include "userblk/backends/redirect_backend.hpp"

#include <mutex>

namespace thin {

/// A worker's view of a volume. It decides where data lies; the kernel moves the data.
class ThinBackend : public userblk::RedirectBackend {
public:
    /// The most blocks of a request; the device's chunk size must ensure it.
    static constexpr std::uint64_t most_blocks = userblk::Extents::capacity;

    /// Properties of a suitable device.
    static userblk::Description description(const Header& header);

    ThinBackend(const std::string& store, const std::string& map,
                std::unique_ptr<Requests> requests = nullptr);

    userblk::Description describe() const override { return description_; }
    std::error_code redirect(const userblk::Operation& operation, userblk::Extents& to) override;

    Volume& volume() noexcept { return volume_; }

private:
    struct Range {
        std::uint64_t first; // blocks
        std::uint64_t count;
    };
    Range touched(const userblk::Operation& operation) const;
    Range covered(const userblk::Operation& operation) const;
    void carry_out(const userblk::Operation& operation, userblk::Extents& to);
    void zero(const userblk::Operation& operation, userblk::Extents& to);
    void find(const userblk::Operation& operation, userblk::Extents& to);

    std::mutex mutex_;
    Volume volume_;
    const userblk::Description description_;
};

} // namespace thin
