/* SPDX-License-Identifier: GPL-2.0 */
/* Flush, discard and write zeroes for one extent: they move no data. */
#ifndef USERBLK_EXTENT_RANGE_H
#define USERBLK_EXTENT_RANGE_H

#include "extent.h"

/*
 * Carries it out and waits for the end. 0 or an errno. Runs in the workqueue,
 * except for a hole.
 */
int userblk_extent_range_act(struct userblk_extent_io *io);

#endif /* USERBLK_EXTENT_RANGE_H */
