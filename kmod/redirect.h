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
#include <linux/fs.h>
#include <linux/workqueue.h>

#include "completions.h"
#include "redirect_file.h"

/**
 * struct userblk_extent_io - one extent of a redirected request
 * @iocb: of the I/O that is under way
 * @refs: of that I/O: who submitted it, and whoever completes it; the last one
 *	goes on
 * @ret: what it came to
 * @work: goes on where it may block
 * @redirect: what it belongs to; constant, as are the next three
 * @range: where
 * @first: its first byte in the payload
 * @done: bytes
 * @bvecs: what the I/O goes by, if it had to be put together; or NULL
 * @blocking: it is in the work queue's hands, and may block
 * @buffered: not to be tried directly (any more)
 */
struct userblk_extent_io {
	struct kiocb iocb;
	atomic_t refs;
	long ret;
	struct work_struct work;
	struct userblk_redirect *redirect;
	struct userblk_file_range range;
	u32 first;
	u32 done;
	struct bio_vec *bvecs;
	bool blocking;
	bool buffered;
};

/**
 * struct userblk_redirect - a redirected request
 * @slot: of the request; constant
 * @cred: of the worker, from when somebody else acts in its name; referenced
 * @blkcg: its I/O cgroup, likewise, if the kernel has any
 * @borrows: the file of @one is the worker's call's, until that has to outlive it
 * @pending: extents that are not done
 * @status: the first error
 * @extents: @one, or allocated
 * @one: for a request to one place
 */
struct userblk_redirect {
	struct userblk_slot *slot;
	const struct cred *cred;
	struct cgroup_subsys_state *blkcg;
	bool borrows;
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

/*
 * Of extents: the worker's identity, and the file, are kept for whoever goes on
 * when it may be gone. In the worker, before that is possible.
 */
void userblk_redirect_remember(struct userblk_redirect *redirect);
/* All extents are done. */
void userblk_redirect_finish(struct userblk_redirect *redirect,
			     struct userblk_completions *completions);

/*
 * Of extents: one is done. Any context. With the last one the request goes among
 * the completions, which are the worker's call's; or ends by itself if there are none.
 */
static inline void
userblk_extent_io_done(struct userblk_extent_io *io, int err,
		       struct userblk_completions *completions)
{
	struct userblk_redirect *redirect = io->redirect;

	if (unlikely(err))
		cmpxchg(&redirect->status, 0, err);
	if (atomic_dec_and_test(&redirect->pending))
		userblk_redirect_finish(redirect, completions);
}

#endif /* USERBLK_REDIRECT_H */
