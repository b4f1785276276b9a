/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that the kernel carries out itself, on files that a worker names.
 *
 * Once the answer is accepted the kernel owns the request: its slot is
 * REDIRECTED, has no taker, and becomes FREE when the I/O of the last extent
 * ends, even if the worker is gone. Each slot has a preallocated redirection,
 * so a request that goes to one place needs no allocation.
 */
#ifndef USERBLK_REDIRECT_H
#define USERBLK_REDIRECT_H

#include <linux/atomic.h>

#include "extent.h"
#include "identity.h"
#include "queue.h"

/**
 * struct userblk_redirect - a redirected request
 * @slot: of the request; constant
 * @identity: the worker's, once another context acts for it
 * @pending: extents that are not done
 * @status: the first error
 * @count: entries of @extents
 * @extents: @one, or allocated
 * @one: the extent of a request that goes to one place
 */
struct userblk_redirect {
	struct userblk_slot *slot;
	struct userblk_identity identity;
	atomic_t pending;
	int status;
	unsigned int count;
	struct userblk_extent_io *extents;
	struct userblk_extent_io one;
};

/* One per slot of a queue, and the workqueue. Only for queues that redirect. */
int userblk_redirect_init(struct userblk_queue *queue);
/* After the last request has ended. */
void userblk_redirect_destroy(struct userblk_queue *queue);

/*
 * Carries out a REDIRECT answer. 0: the kernel owns the request, or it is done
 * and among the completions. After an error nothing has changed.
 */
int userblk_redirect(struct userblk_queue *queue, struct userblk_slot *slot,
		     const struct userblk_answer *answer,
		     struct userblk_redirect_file *last,
		     struct userblk_completions *completions);

#endif /* USERBLK_REDIRECT_H */
