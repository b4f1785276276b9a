/* SPDX-License-Identifier: GPL-2.0 */
/* The pages of a request's payload that one extent reads or writes. */
#ifndef USERBLK_EXTENT_PAGES_H
#define USERBLK_EXTENT_PAGES_H

#include <linux/slab.h>

#include "extent.h"

struct iov_iter;

/*
 * An iterator over the pages that are still to be transferred or, for lack of
 * memory, over the first piece of them. Valid until
 * userblk_extent_pages_drop(). Returns the offsets and lengths of its pieces in
 * memory, ORed, to check their alignment; pieces beyond its end may count as
 * well.
 */
unsigned int userblk_extent_pages_iter(struct userblk_extent_io *io,
				       struct iov_iter *iter,
				       unsigned int direction);

static inline void userblk_extent_pages_drop(struct userblk_extent_io *io)
{
	kfree(io->bvecs);
	io->bvecs = NULL;
}

#endif /* USERBLK_EXTENT_PAGES_H */
