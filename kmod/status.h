/* SPDX-License-Identifier: GPL-2.0 */
/* Maps an errno to a status of the block layer. */
#ifndef USERBLK_STATUS_H
#define USERBLK_STATUS_H

#include <linux/blkdev.h>

/* Statuses internal to the block layer are not a worker's to return. */
static inline blk_status_t userblk_status(int err)
{
	blk_status_t status;

	if (likely(!err))
		return BLK_STS_OK;
	status = errno_to_blk_status(err);
	switch (status) {
	case BLK_STS_AGAIN:
	case BLK_STS_DEV_RESOURCE:
	case BLK_STS_DM_REQUEUE:
		return BLK_STS_IOERR;
	default:
		return status;
	}
}

#endif /* USERBLK_STATUS_H */
