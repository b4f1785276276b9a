/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Carries out one extent of a redirected request.
 *
 * The worker itself starts the I/O as far as that does not block; the device's
 * workqueue does the rest, with the worker's credentials and cgroups. Direct
 * I/O ends in its completion, possibly in an interrupt.
 */
#ifndef USERBLK_EXTENT_IO_H
#define USERBLK_EXTENT_IO_H

#include "extent.h"

/* Sets the fields that never change. The caller sets the rest before the start. */
void userblk_extent_io_init(struct userblk_extent_io *io,
			    struct userblk_slot *slot,
			    struct userblk_identity *identity,
			    userblk_extent_io_done done);

/*
 * Runs in the worker that redirected. The extent may be done on return. Flushes
 * the completions before it waits for anything.
 */
void userblk_extent_io_start(struct userblk_extent_io *io,
			     struct userblk_completions *completions);

#endif /* USERBLK_EXTENT_IO_H */
