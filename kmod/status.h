/* SPDX-License-Identifier: GPL-2.0 */
/* What an errno becomes for the block layer. */
#ifndef USERBLK_STATUS_H
#define USERBLK_STATUS_H

#include <linux/blkdev.h>

/* What is the block layer's own is not for others to say. */
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
