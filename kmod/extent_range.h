/* SPDX-License-Identifier: GPL-2.0 */
/* What moves no data of a request: flush, discard and zeroes, for one extent. */
#ifndef USERBLK_EXTENT_RANGE_H
#define USERBLK_EXTENT_RANGE_H

#include "extent.h"

/* Carries it out, and waits for that: 0 or an errno. In the work queue. */
int userblk_extent_range_act(struct userblk_extent_io *io);

#endif /* USERBLK_EXTENT_RANGE_H */
