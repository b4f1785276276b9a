// SPDX-License-Identifier: GPL-2.0
#include "redirect.h"

#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "foreign.h"
#include "extent_io.h"
#include "status.h"

/* ------------------------------------------------------------------ end */

static void userblk_redirect_release(struct userblk_redirect *redirect)
{
	unsigned int i;
	bool entered;

	/* A borrowing extent is the only one, and ended in the worker's call. */
	if (likely(redirect->extents->borrows))
		return;
	/* Another thread may have closed it: these may be the last references. */
	entered = userblk_foreign_enter();
	for (i = 0; i < redirect->count; i++)
		userblk_file_range_put(&redirect->extents[i].range);
	userblk_foreign_leave(entered);
	if (redirect->extents != &redirect->one)
		kfree(redirect->extents);
	userblk_identity_forget(&redirect->identity);
}

/* One extent is done; with the last one the request ends. */
static void userblk_redirect_done(struct userblk_extent_io *io, int err,
				  struct userblk_completions *completions)
{
	struct userblk_redirect *redirect =
		container_of(io->identity, struct userblk_redirect, identity);
	blk_status_t status;

	if (unlikely(err))
		cmpxchg(&redirect->status, 0, err);
	if (!atomic_dec_and_test(&redirect->pending))
		return;
	status = userblk_status(redirect->status);
	userblk_redirect_release(redirect);
	userblk_queue_end_redirected(redirect->slot, status, completions);
}

/* ----------------------------------------------------------------- life */

static void userblk_redirect_init_extent(struct userblk_redirect *redirect,
					 struct userblk_extent_io *io)
{
	userblk_extent_io_init(io, redirect->slot, &redirect->identity,
			       userblk_redirect_done);
}

static int userblk_redirect_init_hwq(struct userblk_hwq *hwq,
				     unsigned int depth)
{
	unsigned int tag;

	hwq->redirects = kvcalloc(depth, sizeof(*hwq->redirects), GFP_KERNEL);
	if (!hwq->redirects)
		return -ENOMEM;
	for (tag = 0; tag < depth; tag++) {
		hwq->redirects[tag].slot = &hwq->slots[tag];
		userblk_redirect_init_extent(&hwq->redirects[tag],
					     &hwq->redirects[tag].one);
	}
	return 0;
}

/*
 * One per device, so that no other device's slow file is in its way. Freezable
 * like the file systems' own: it stops while the machine sleeps. It has a
 * rescuer for when memory is short, since it may be on the writeback path; a
 * full file system may then wait for a workqueue that has none (XFS), and
 * __WQ_LEGACY suppresses the warning about that.
 */
static struct workqueue_struct *userblk_redirect_alloc_wq(unsigned int number)
{
	return alloc_workqueue("userblk%u",
			       WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM |
			       __WQ_LEGACY, 0, number);
}

int userblk_redirect_init(struct userblk_queue *queue)
{
	unsigned int i;
	int err;

	queue->redirect_wq = userblk_redirect_alloc_wq(queue->number);
	if (!queue->redirect_wq)
		return -ENOMEM;
	for (i = 0; i < queue->nr_hwqs; i++) {
		err = userblk_redirect_init_hwq(&queue->hwqs[i], queue->depth);
		if (err)
			goto destroy;
	}
	return 0;

destroy:
	userblk_redirect_destroy(queue);
	return err;
}

void userblk_redirect_destroy(struct userblk_queue *queue)
{
	unsigned int i;

	if (!queue->redirect_wq)
		return;
	destroy_workqueue(queue->redirect_wq);
	queue->redirect_wq = NULL;
	for (i = 0; i < queue->nr_hwqs; i++) {
		kvfree(queue->hwqs[i].redirects);
		queue->hwqs[i].redirects = NULL;
	}
}

/* ------------------------------------------------------------ acceptance */

/**
 * struct userblk_plan - the extents that an answer lists
 * @op: of the request, as is @length; valid only if the request is still taken
 *	when it is redirected
 * @length: bytes
 * @count: entries of @ranges
 * @ranges: each with a reference to its file
 */
struct userblk_plan {
	u16 op;
	u32 length;
	unsigned int count;
	struct userblk_file_range ranges[USERBLK_MAX_EXTENTS];
};

static void userblk_plan_drop(struct userblk_plan *plan)
{
	while (plan->count)
		userblk_file_range_put(&plan->ranges[--plan->count]);
}

/* Reads the caller's extents. Returns how many, or an error. */
static int userblk_plan_read(const struct userblk_answer *answer,
			     struct userblk_extent *extents,
			     struct userblk_completions *completions)
{
	const void __user *user = u64_to_user_ptr(answer->addr);
	size_t bytes = answer->length * sizeof(*extents);

	if (answer->offset || answer->fd || !answer->length ||
	    answer->length > USERBLK_MAX_EXTENTS)
		return -EINVAL;
	if (!copy_from_user_nofault(extents, user, bytes))
		return answer->length;
	userblk_completions_flush(completions);
	return copy_from_user(extents, user, bytes) ? -EFAULT : answer->length;
}

static int userblk_plan_make(struct userblk_queue *queue,
			     const struct userblk_answer *answer,
			     struct userblk_plan *plan,
			     struct userblk_redirect_file *last,
			     struct userblk_completions *completions)
{
	struct userblk_extent extents[USERBLK_MAX_EXTENTS] __uninitialized;
	u64 sum = 0;
	int n, i, err;

	plan->count = 0;
	n = userblk_plan_read(answer, extents, completions);
	if (n < 0)
		return n;
	for (i = 0; i < n; i++) {
		sum += extents[i].length;
		if (n > 1 && !extents[i].length && plan->length)
			return -EINVAL;
	}
	if (sum != plan->length)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		plan->ranges[i].offset = extents[i].offset;
		plan->ranges[i].length = extents[i].length;
		err = userblk_redirect_file_find(queue, plan->op, extents[i].fd,
						 last, &plan->ranges[i],
						 completions);
		if (err) {
			userblk_plan_drop(plan);
			return err;
		}
		userblk_file_range_hold(&plan->ranges[i]);
		plan->count++;
	}
	return 0;
}

/* Allocates extents before the point of no return; NULL for a single one. */
static int userblk_plan_alloc(const struct userblk_plan *plan,
			      struct userblk_extent_io **extents,
			      struct userblk_completions *completions)
{
	*extents = NULL;
	if (plan->count == 1)
		return 0;
	userblk_completions_flush(completions);
	*extents = kmalloc_array(plan->count, sizeof(**extents),
				 GFP_NOIO | __GFP_NOWARN);
	return *extents ? 0 : -ENOMEM;
}

/* The caller owns the request, and fills the extents: redirect->one if NULL. */
static inline void userblk_redirect_begin(struct userblk_redirect *redirect,
					  struct userblk_extent_io *extents,
					  unsigned int count)
{
	redirect->status = 0;
	redirect->count = count;
	redirect->extents = extents ?: &redirect->one;
	atomic_set(&redirect->pending, count);
}

/* The extent takes over the range's reference. */
static inline void userblk_redirect_fill(struct userblk_extent_io *io,
					 const struct userblk_file_range *range,
					 u32 first)
{
	io->range = *range;
	io->first = first;
	io->moved = 0;
	io->borrows = false;
	io->blocking = false;
	io->buffered = false;
}

static void userblk_redirect_fill_all(struct userblk_redirect *redirect,
				      const struct userblk_file_range *ranges,
				      unsigned int count,
				      struct userblk_extent_io *extents)
{
	unsigned int i;
	u32 first = 0;

	userblk_redirect_begin(redirect, extents, count);
	for (i = 0; i < count; i++) {
		if (extents)
			userblk_redirect_init_extent(redirect, &extents[i]);
		userblk_redirect_fill(&redirect->extents[i], &ranges[i], first);
		first += ranges[i].length;
	}
}

/* --------------------------------------------------------------- pieces */

/*
 * A worker does not wait for a disk, and a disk does not split what must not
 * wait. So what is too large for it is cut here; the pieces are in flight
 * together. Returns their size, or 0 for a single one.
 */
static u32 userblk_redirect_piece(const struct userblk_file_range *range,
				  u16 op)
{
	u32 max;

	/* Disks take this much. */
	if (likely(range->length <= SZ_32K) || op > USERBLK_OP_WRITE)
		return 0;
	max = userblk_redirect_file_max_direct(range->file);
	if (!max || range->length <= max ||
	    DIV_ROUND_UP(range->length, max) > USERBLK_MAX_EXTENTS)
		return 0;
	return max;
}

static void userblk_redirect_fill_pieces(struct userblk_redirect *redirect,
					 const struct userblk_file_range *whole,
					 u32 piece,
					 struct userblk_extent_io *extents)
{
	struct userblk_file_range range = *whole;
	u32 first = 0;
	unsigned int i;

	userblk_redirect_begin(redirect, extents,
			       DIV_ROUND_UP(whole->length, piece));
	for (i = 0; i < redirect->count; i++) {
		range.offset = whole->offset + first;
		range.length = min(piece, whole->length - first);
		userblk_file_range_hold(&range);
		userblk_redirect_init_extent(redirect, &extents[i]);
		userblk_redirect_fill(&extents[i], &range, first);
		first += range.length;
	}
}

/* NULL: there are none, or the workqueue carries out the whole. */
static struct userblk_extent_io *
userblk_redirect_alloc_pieces(const struct userblk_file_range *range, u32 piece)
{
	if (likely(!piece))
		return NULL;
	return kmalloc_array(DIV_ROUND_UP(range->length, piece),
			     sizeof(struct userblk_extent_io),
			     GFP_NOWAIT | __GFP_NOWARN);
}

/* ---------------------------------------------------------------- lists */

/* Not inlined: its tables must be off the stack during file I/O. */
static noinline_for_stack int
userblk_redirect_accept_list(struct userblk_queue *queue,
			     struct userblk_redirect *redirect, u16 op,
			     u32 length, const struct userblk_answer *answer,
			     struct userblk_redirect_file *last,
			     struct userblk_completions *completions)
{
	struct userblk_plan plan __uninitialized;
	struct userblk_extent_io *extents;
	int err;

	plan.op = op;
	plan.length = length;
	err = userblk_plan_make(queue, answer, &plan, last, completions);
	if (err)
		return err;
	err = userblk_plan_alloc(&plan, &extents, completions);
	if (err)
		goto drop;
	err = userblk_queue_redirect(redirect->slot,
				     USERBLK_ID_GENERATION(answer->id));
	if (err)
		goto free;
	userblk_redirect_fill_all(redirect, plan.ranges, plan.count, extents);
	return 0;

free:
	kfree(extents);
drop:
	userblk_plan_drop(&plan);
	return err;
}

/* Most requests go to one place, which the answer itself holds. */
static int userblk_redirect_accept_one(struct userblk_queue *queue,
				       struct userblk_redirect *redirect,
				       u16 op, u32 length,
				       const struct userblk_answer *answer,
				       struct userblk_redirect_file *last,
				       struct userblk_completions *completions)
{
	struct userblk_file_range range __uninitialized;
	struct userblk_extent_io *pieces;
	u32 piece;
	int err;

	if (answer->addr || answer->length != length)
		return -EINVAL;
	/* Only a list of extents may contain holes. */
	if (answer->fd == USERBLK_HOLE)
		return -EBADF;
	range.offset = answer->offset;
	range.length = length;
	err = userblk_redirect_file_find(queue, op, answer->fd, last, &range,
					 completions);
	if (err)
		return err;
	piece = userblk_redirect_piece(&range, op);
	pieces = userblk_redirect_alloc_pieces(&range, piece);
	err = userblk_queue_redirect(redirect->slot,
				     USERBLK_ID_GENERATION(answer->id));
	if (err) {
		kfree(pieces);
	} else if (unlikely(pieces)) {
		userblk_redirect_fill_pieces(redirect, &range, piece, pieces);
	} else {
		userblk_redirect_begin(redirect, NULL, 1);
		userblk_redirect_fill(&redirect->one, &range, 0);
		redirect->one.borrows = true;
	}
	return err;
}

static int userblk_redirect_accept(struct userblk_queue *queue,
				   struct userblk_redirect *redirect,
				   const struct userblk_answer *answer,
				   struct userblk_redirect_file *last,
				   struct userblk_completions *completions)
{
	const struct userblk_slot *slot = redirect->slot;
	u32 length;
	u16 op;

	if (!userblk_slot_is_taken(slot, USERBLK_ID_GENERATION(answer->id)))
		return -ESTALE;
	/*
	 * Valid if the request is still taken when it is redirected. Read
	 * before the check above, they could be the previous request's: the
	 * next id can be guessed.
	 */
	op = READ_ONCE(slot->op);
	length = READ_ONCE(slot->length);
	if (answer->flags & USERBLK_ANSWER_EXTENTS)
		return userblk_redirect_accept_list(queue, redirect, op, length,
						    answer, last, completions);
	return userblk_redirect_accept_one(queue, redirect, op, length, answer,
					   last, completions);
}

int userblk_redirect(struct userblk_queue *queue, struct userblk_slot *slot,
		     const struct userblk_answer *answer,
		     struct userblk_redirect_file *last,
		     struct userblk_completions *completions)
{
	struct userblk_redirect *redirect;
	unsigned int i, count;
	int err;

	if (!queue->redirect_wq)
		return -EPERM;
	redirect = &slot->hwq->redirects[slot->tag];
	err = userblk_redirect_accept(queue, redirect, answer, last,
				      completions);
	if (err)
		return err;

	userblk_stats_add(queue, redirects, 1);
	/* The request may be over once its last extent is started. */
	count = redirect->count;
	userblk_extent_io_start(&redirect->extents[0], completions);
	for (i = 1; i < count; i++)
		userblk_extent_io_start(&redirect->extents[i], completions);
	return 0;
}
