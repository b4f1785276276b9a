// SPDX-License-Identifier: GPL-2.0
#include "put.h"

#include <linux/blkdev.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "payload.h"
#include "record.h"
#include "recovery.h"
#include "redirect.h"
#include "status.h"
#include "trace.h"

/* Records copied at a time; they live on the stack. */
#define USERBLK_PUT_CHUNK	16

/* Checks what the answer alone determines. */
static __always_inline int
userblk_answer_check(const struct userblk_answer *answer)
{
	bool redirect = answer->action == USERBLK_ACTION_REDIRECT;

	/* Fast path: most answers are a plain COMPLETE or REDIRECT. */
	if (!(answer->flags | answer->status | answer->result |
	      answer->reserved0 | answer->reserved[0] | answer->reserved[1]) &&
	    (redirect || (answer->action == USERBLK_ACTION_COMPLETE &&
			  !(answer->offset | answer->fd))))
		return 0;
	if (answer->action > USERBLK_ACTION_REDIRECT ||
	    answer->flags & ~(redirect ? USERBLK_ANSWER_EXTENTS :
					 USERBLK_ANSWER_ZEROES))
		return -EINVAL;
	if (answer->result | answer->reserved0 |
	    answer->reserved[0] | answer->reserved[1])
		return -EINVAL;
	if (!redirect && (answer->offset | answer->fd))
		return -EINVAL;
	if (answer->status > 0 || answer->status < -MAX_ERRNO)
		return -EINVAL;
	if (answer->status && answer->action != USERBLK_ACTION_COMPLETE)
		return -EINVAL;
	if (answer->flags & USERBLK_ANSWER_ZEROES &&
	    (answer->action != USERBLK_ACTION_COMPLETE || answer->status ||
	     answer->addr))
		return -EINVAL;
	if (answer->action >= USERBLK_ACTION_GIVE_BACK && !redirect &&
	    (answer->addr || answer->length))
		return -EINVAL;
	return 0;
}

/* Completes a READ without error and drops the caller's claim. */
static int userblk_put_read_data(struct userblk_slot *slot,
				 const struct userblk_answer *answer,
				 struct userblk_completions *completions)
{
	int err;

	if (answer->flags & USERBLK_ANSWER_ZEROES) {
		userblk_payload_zero(slot);
	} else {
		err = userblk_payload_move(slot,
					   USERBLK_ID_GENERATION(answer->id),
					   answer->addr, slot->length,
					   ITER_SOURCE, completions);
		if (err)
			return err;
	}
	return userblk_queue_end(slot, BLK_STS_OK, completions) ? 0 : -ESTALE;
}

static int userblk_put_complete(struct userblk_slot *slot,
				const struct userblk_answer *answer,
				struct userblk_completions *completions)
{
	u32 generation = USERBLK_ID_GENERATION(answer->id);
	blk_status_t status = userblk_status(answer->status);
	int err = 0;

	if (!userblk_slot_claim(slot, generation))
		return -ESTALE;
	if (slot->op != USERBLK_OP_READ) {
		if (answer->addr || answer->length || answer->flags)
			err = -EINVAL;
	} else if (answer->length > slot->length) {
		err = -EMSGSIZE;
	} else if (!status && !answer->addr && !answer->length) {
		/* It came through the control node; a short payload is an error. */
		if (userblk_slot_filled(slot) < slot->length)
			status = BLK_STS_IOERR;
	} else if (!status && answer->length < slot->length) {
		status = BLK_STS_IOERR;
	} else if (!status) {
		return userblk_put_read_data(slot, answer, completions);
	}
	if (err) {
		userblk_queue_unclaim(slot);
		return err;
	}
	return userblk_queue_end(slot, status, completions) ? 0 : -ESTALE;
}

/* FETCH and STORE. */
static __always_inline int
userblk_put_fetch(struct userblk_slot *slot,
		  const struct userblk_answer *answer,
		  struct userblk_completions *completions)
{
	u32 generation = USERBLK_ID_GENERATION(answer->id);
	int err = 0;

	if (!userblk_slot_claim(slot, generation))
		return -ESTALE;
	if (slot->op != USERBLK_OP_WRITE)
		err = -EINVAL;
	else if (answer->length < slot->length)
		err = -EMSGSIZE;
	if (err) {
		userblk_queue_unclaim(slot);
		return err;
	}
	err = userblk_payload_move(slot, generation, answer->addr, slot->length,
				   ITER_DEST, completions);
	if (err)
		return err;
	if (answer->action == USERBLK_ACTION_STORE)
		return userblk_queue_end(slot, BLK_STS_OK, completions) ?
			       0 :
			       -ESTALE;
	userblk_queue_unclaim(slot);
	return 0;
}

static int userblk_put_adopt(struct userblk_caller *caller,
			     struct userblk_slot *slot, u32 generation)
{
	struct userblk_taker *taker = userblk_caller_taker(caller);

	if (IS_ERR(taker))
		return PTR_ERR(taker);
	return userblk_queue_adopt(slot, generation, taker);
}

static __always_inline int
userblk_put_one(struct userblk_caller *caller,
		const struct userblk_answer *answer,
		struct userblk_redirect_file *last,
		struct userblk_completions *completions)
{
	u32 generation = USERBLK_ID_GENERATION(answer->id);
	struct userblk_slot *slot;
	int err;

	err = userblk_answer_check(answer);
	if (err)
		return err;
	slot = userblk_queue_slot(caller->queue, answer->id);
	if (!slot)
		return -ESTALE;
	switch (answer->action) {
	case USERBLK_ACTION_COMPLETE:
		return userblk_put_complete(slot, answer, completions);
	case USERBLK_ACTION_FETCH:
	case USERBLK_ACTION_STORE:
		return userblk_put_fetch(slot, answer, completions);
	case USERBLK_ACTION_GIVE_BACK:
		return userblk_queue_give_back(slot, generation, false);
	case USERBLK_ACTION_ADOPT:
		/* Finding the taker may wait for memory. */
		userblk_completions_flush(completions);
		return userblk_put_adopt(caller, slot, generation);
	case USERBLK_ACTION_REDIRECT:
		return userblk_redirect(caller->queue, slot, answer, last,
					completions);
	default:
		return -EINVAL;
	}
}

static __always_inline unsigned int
userblk_put_chunk(struct userblk_caller *caller, struct userblk_answer *answers,
		  unsigned int n, struct userblk_redirect_file *last,
		  struct userblk_completions *completions)
{
	struct userblk_queue *queue = caller->queue;
	unsigned int i, failed = 0;

	for (i = 0; i < n; i++) {
		int result =
			userblk_put_one(caller, &answers[i], last, completions);

		trace_userblk_put(queue->number, &answers[i], result);
		userblk_completions_flush_full(completions);
		if (likely(!result))
			continue;
		answers[i].result = result;
		failed++;
		if (result == -ESTALE)
			userblk_stats_add(queue, stale, 1);
	}
	if (need_resched()) {
		userblk_completions_flush(completions);
		cond_resched();
	}
	return failed;
}

/* Reads records. Flushes the completions before it waits for the records' pages. */
static __always_inline int
userblk_put_read(struct userblk_answer *answers,
		 const struct userblk_answer __user *user, u32 n,
		 struct userblk_completions *completions)
{
	bool read;

	if (n == 1) {
		pagefault_disable();
		read = userblk_record_read(answers, user, sizeof(*answers));
		pagefault_enable();
	} else {
		read = !copy_from_user_nofault(answers, user,
					       n * sizeof(*answers));
	}
	if (likely(read))
		return 0;
	userblk_completions_flush(completions);
	return copy_from_user(answers, user, n * sizeof(*answers)) ? -EFAULT :
								     0;
}

static int userblk_put_all(struct userblk_caller *caller,
			   struct userblk_put *put,
			   struct userblk_redirect_file *last,
			   struct userblk_completions *completions)
{
	struct userblk_answer __user *user = u64_to_user_ptr(put->answers);
	struct userblk_answer answers[USERBLK_PUT_CHUNK] __uninitialized;
	u32 done, n;

	for (done = 0; done < put->count; done += n) {
		unsigned int failed;

		if (fatal_signal_pending(current))
			return -EINTR;
		n = min_t(u32, put->count - done, USERBLK_PUT_CHUNK);
		if (userblk_put_read(answers, user + done, n, completions))
			return -EFAULT;
		failed = userblk_put_chunk(caller, answers, n, last,
					   completions);
		/* Results were 0 on entry, and stand if nothing failed. */
		if (likely(!failed))
			continue;
		put->failed += failed;
		userblk_completions_flush(completions);
		if (copy_to_user(user + done, answers, n * sizeof(*answers)))
			return -EFAULT;
	}
	return 0;
}

int userblk_put_run(struct userblk_caller *caller, struct userblk_put *put)
{
	struct userblk_completions completions __uninitialized;
	struct userblk_queue *queue = caller->queue;
	bool plugged = put->count > 1 && queue->redirect_wq;
	struct blk_plug plug __uninitialized;
	struct userblk_redirect_file last;
	int err;

	put->failed = 0;
	userblk_completions_init(&completions, queue->front, queue->stats);
	userblk_redirect_file_init(&last);
	/* Batch the I/O that is redirected to one disk. */
	if (plugged) {
		blk_start_plug(&plug);
		plug.nr_ios = min_t(u32, put->count, USERBLK_COMPLETIONS_COUNT);
	}
	err = userblk_put_all(caller, put, &last, &completions);
	userblk_completions_flush(&completions);
	if (plugged)
		blk_finish_plug(&plug);
	userblk_redirect_file_drop(&last);
	return err;
}
