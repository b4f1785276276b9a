/* SPDX-License-Identifier: GPL-2.0 */
/* GET: take requests and hand them out. */
#ifndef USERBLK_GET_H
#define USERBLK_GET_H

#include "caller.h"

/* Validates the header. 0, -ENOTTY or -EINVAL. */
static inline int userblk_get_check(const struct userblk_queue *queue,
				    const struct userblk_get *get)
{
	if (get->request_size != sizeof(struct userblk_request))
		return -ENOTTY;
	if (!get->count || get->count > USERBLK_MAX_BATCH)
		return -EINVAL;
	if (get->flags & ~(USERBLK_GET_WATCH | USERBLK_GET_SPIN) ||
	    get->timeout_ns < -1)
		return -EINVAL;
	if (get->queue != USERBLK_ANY_QUEUE && get->queue >= queue->nr_hwqs)
		return -EINVAL;
	return 0;
}

/*
 * Carries out a validated GET and fills in the header. 0, or -EINTR, -EFAULT,
 * -ENODEV or -ENOMEM with nothing taken.
 */
int userblk_get_run(struct userblk_caller *caller, struct userblk_get *get);

#endif /* USERBLK_GET_H */
