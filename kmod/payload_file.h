/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control node as a file: each request in flight has a place in it for its
 * payload, see userblk_ioctl.h. A place names a slot and its generation.
 */
#ifndef USERBLK_PAYLOAD_FILE_H
#define USERBLK_PAYLOAD_FILE_H

#include <linux/fs.h>

#include "queue.h"

/* Where a delivery's payload begins; 0 if it has none. */
u64 userblk_payload_place(const struct userblk_queue *queue,
			  const struct userblk_delivery *delivery);

ssize_t userblk_payload_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t userblk_payload_write_iter(struct kiocb *iocb, struct iov_iter *from);
ssize_t userblk_payload_splice_read(struct file *file, loff_t *pos,
				    struct pipe_inode_info *pipe, size_t length,
				    unsigned int flags);

#endif /* USERBLK_PAYLOAD_FILE_H */
