// SPDX-License-Identifier: MIT
#pragma once

#include <libnbd.h>

namespace userblk {

/// Internal: the functions of libnbd that this library calls. Loaded when they are first needed, so
/// that nobody needs libnbd to serve another store.
struct NbdLibrary {
#define USERBLK_NBD_FUNCTIONS(_)                                                                   \
    _(create)                                                                                      \
    _(close)                                                                                       \
    _(get_error)                                                                                   \
    _(get_errno)                                                                                   \
    _(set_uri_allow_local_file)                                                                    \
    _(set_handle_name)                                                                             \
    _(set_pread_initialize)                                                                        \
    _(set_strict_mode)                                                                             \
    _(aio_connect_uri)                                                                             \
    _(aio_get_fd)                                                                                  \
    _(aio_get_direction)                                                                           \
    _(aio_notify_read)                                                                             \
    _(aio_notify_write)                                                                            \
    _(aio_is_connecting)                                                                           \
    _(aio_is_ready)                                                                                \
    _(aio_is_dead)                                                                                 \
    _(aio_is_closed)                                                                               \
    _(aio_disconnect)                                                                              \
    _(get_size)                                                                                    \
    _(get_block_size)                                                                              \
    _(is_read_only)                                                                                \
    _(is_rotational)                                                                               \
    _(can_flush)                                                                                   \
    _(can_fua)                                                                                     \
    _(can_trim)                                                                                    \
    _(can_zero)                                                                                    \
    _(can_multi_conn)                                                                              \
    _(aio_pread)                                                                                   \
    _(aio_pwrite)                                                                                  \
    _(aio_flush)                                                                                   \
    _(aio_trim)                                                                                    \
    _(aio_zero)

#define USERBLK_NBD_DECLARE(name) decltype(&::nbd_##name) name = nullptr;
    USERBLK_NBD_FUNCTIONS(USERBLK_NBD_DECLARE)
#undef USERBLK_NBD_DECLARE

    /// @throws std::runtime_error that names the library and its package
    static const NbdLibrary& get();
};

} // namespace userblk
