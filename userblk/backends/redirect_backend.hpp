// SPDX-License-Identifier: MIT
#pragma once

#include "userblk/backend.hpp"

namespace userblk {

/// A store that only decides where data lies. A derived class implements redirect()
/// and describe() and nothing else: where the kernel does not redirect (a device
/// created without it, or an old module), this class carries the operation out on
/// the same extents by pread, pwrite, fdatasync and fallocate.
///
/// redirect() must name extents for every operation, or fail; an operation that
/// changes no file is a hole (Extents::add_hole()). Do not open the files with
/// O_DIRECT: only the kernel can meet its alignment.
class RedirectBackend : public Backend {
public:
    bool redirects() const noexcept final { return true; }
    std::error_code redirect(const Operation& operation, Extents& to) override = 0;

    std::error_code read(std::uint64_t offset, std::span<std::byte> data) final;
    std::error_code write(std::uint64_t offset, std::span<const std::byte> data,
                          WriteFlags flags) final;
    std::error_code flush() final;
    std::error_code discard(std::uint64_t offset, std::uint64_t length) final;
    std::error_code write_zeroes(std::uint64_t offset, std::uint64_t length, ZeroFlags flags) final;
};

} // namespace userblk
