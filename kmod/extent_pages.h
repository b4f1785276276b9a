/* SPDX-License-Identifier: GPL-2.0 */
/* What is read and written of a request's payload for one extent. */
#ifndef USERBLK_EXTENT_PAGES_H
#define USERBLK_EXTENT_PAGES_H

#include <linux/slab.h>

#include "extent.h"

struct iov_iter;

/*
 * The pages of what is left to be done, or, for lack of memory, of the first
 * piece of that. Lasts until it is dropped.
 */
void userblk_extent_pages_iter(struct userblk_extent_io *io,
			       struct iov_iter *iter, unsigned int direction);

static inline void userblk_extent_pages_drop(struct userblk_extent_io *io)
{
	kfree(io->bvecs);
	io->bvecs = NULL;
}

#endif /* USERBLK_EXTENT_PAGES_H */
