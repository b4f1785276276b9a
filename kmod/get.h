/* SPDX-License-Identifier: GPL-2.0 */
/* GET: take requests and hand them out. */
#ifndef USERBLK_GET_H
#define USERBLK_GET_H

#include "node.h"

/* Is the header sound? 0, -ENOTTY or -EINVAL. */
int userblk_get_check(const struct userblk_queue *queue,
		      const struct userblk_get *get);

/*
 * Carries a checked GET out and fills the header in. 0; -EINTR, -EFAULT,
 * -ENODEV, -ENOMEM with nothing taken.
 */
int userblk_get_run(struct userblk_node *node, struct userblk_get *get);

#endif /* USERBLK_GET_H */
