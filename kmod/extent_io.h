/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Carrying out one extent of a redirected request.
 *
 * It is tried at once, by the worker, as far as that blocks nobody; what is left
 * goes to the device's work queue, in the worker's name. Direct I/O ends in its
 * completion, maybe in an interrupt.
 */
#ifndef USERBLK_EXTENT_IO_H
#define USERBLK_EXTENT_IO_H

#include "extent.h"

/* What stays the same whatever is redirected. The rest is set before it starts. */
void userblk_extent_io_init(struct userblk_extent_io *io,
			    struct userblk_slot *slot,
			    struct userblk_identity *identity,
			    userblk_extent_io_done done);

/*
 * In the process that redirected. It may be done when it returns. Gives
 * the completions back before anything is waited for.
 */
void userblk_extent_io_start(struct userblk_extent_io *io,
			     struct userblk_completions *completions);

#endif /* USERBLK_EXTENT_IO_H */
