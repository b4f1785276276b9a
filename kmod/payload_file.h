/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control node as a file: each request in flight has a place in it for its
 * payload, see userblk_ioctl.h. A place names a slot and its generation.
 */
#ifndef USERBLK_PAYLOAD_FILE_H
#define USERBLK_PAYLOAD_FILE_H

#include <linux/fs.h>

#include "queue.h"

#define USERBLK_PLACE_SLOT_SHIFT	USERBLK_PAYLOAD_OFFSET_BITS
#define USERBLK_PLACE_GENERATION_SHIFT	(USERBLK_PAYLOAD_OFFSET_BITS + \
					 USERBLK_PAYLOAD_SLOT_BITS)
#define USERBLK_PLACE_MASK(bits)	((1ULL << (bits)) - 1)

/* Where a delivery's payload begins; 0 if it has none. */
static inline u64 userblk_payload_place(const struct userblk_queue *queue,
					const struct userblk_delivery *delivery)
{
	u64 generation = USERBLK_ID_GENERATION(delivery->id) &
			 USERBLK_PLACE_MASK(USERBLK_PAYLOAD_GENERATION_BITS);
	u64 number = (u64)delivery->queue << queue->tag_bits |
		     USERBLK_ID_TAG(delivery->id);

	if (delivery->op > USERBLK_OP_WRITE)
		return 0;
	return generation << USERBLK_PLACE_GENERATION_SHIFT |
	       number << USERBLK_PLACE_SLOT_SHIFT;
}

ssize_t userblk_payload_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t userblk_payload_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t userblk_payload_splice_read(struct file *file, loff_t *pos,
				    struct pipe_inode_info *pipe, size_t length,
				    unsigned int flags);

#endif /* USERBLK_PAYLOAD_FILE_H */
