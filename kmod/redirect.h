/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that the kernel carries out itself, on files that a worker named.
 *
 * From the moment that the answer is accepted the request is the kernel's: its
 * slot is REDIRECTED, has no taker, and goes to FREE when the I/O of the last
 * extent ends, whatever has become of the worker. Each slot has its redirection
 * set aside, so that nothing is allocated for a request that goes to one place.
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
 * @identity: the worker's, from when somebody else acts in its name
 * @pending: extents that are not done
 * @status: the first error
 * @count: of @extents
 * @extents: @one, or allocated
 * @one: for a request to one place
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

/* For each slot of a queue, and the work queue; only if it is to redirect. */
int userblk_redirect_init(struct userblk_queue *queue);
/* After the last request has ended. */
void userblk_redirect_destroy(struct userblk_queue *queue);

/*
 * Carries an answer REDIRECT out. 0: the request is the kernel's, or done and
 * among the completions. Otherwise nothing has changed.
 */
int userblk_redirect(struct userblk_queue *queue, struct userblk_slot *slot,
		     const struct userblk_answer *answer,
		     struct userblk_redirect_file *last,
		     struct userblk_completions *completions);

#endif /* USERBLK_REDIRECT_H */
