// SPDX-License-Identifier: GPL-2.0
#include "cancel.h"

#include <linux/poll.h>
#include <linux/sched.h>

#include "completions.h"

static void userblk_hwq_cancel(struct userblk_hwq *hwq,
			       struct userblk_slot *slot,
			       struct list_head *failed)
{
	WRITE_ONCE(hwq->queued, hwq->queued - 1);
	userblk_slot_free(slot);
	list_move_tail(&slot->node, failed);
}

static void userblk_hwq_expire(struct userblk_hwq *hwq,
			       struct list_head *waiting, unsigned long before,
			       unsigned long *oldest, struct list_head *failed)
{
	struct userblk_slot *slot, *next;

	list_for_each_entry_safe(slot, next, waiting, node) {
		if (time_before_eq(slot->since, before))
			userblk_hwq_cancel(hwq, slot, failed);
		else if (time_before(slot->since, *oldest))
			*oldest = slot->since;
	}
}

unsigned int userblk_queue_expire(struct userblk_queue *queue,
				  unsigned long before, unsigned long *oldest)
{
	unsigned int i, count;
	LIST_HEAD(failed);

	*oldest = jiffies;
	for (i = 0; i < queue->nr_hwqs; i++) {
		struct userblk_hwq *hwq = &queue->hwqs[i];

		spin_lock(&hwq->lock);
		userblk_hwq_expire(hwq, &hwq->returned, before, oldest,
				   &failed);
		userblk_hwq_expire(hwq, &hwq->fresh, before, oldest, &failed);
		spin_unlock(&hwq->lock);
	}
	count = userblk_queue_end_list(queue, &failed, BLK_STS_TIMEOUT);
	userblk_stats_add(queue, expired, count);
	return count;
}

static void userblk_hwq_end_taken(struct userblk_hwq *hwq)
{
	struct userblk_completions completions __uninitialized;
	unsigned int tag;

	userblk_completions_init(&completions, hwq->queue->front,
				 hwq->queue->stats);
	for (tag = 0; tag < hwq->queue->depth; tag++) {
		struct userblk_slot *slot = &hwq->slots[tag];
		u64 word = userblk_slot_word(slot);
		u32 generation = userblk_word_generation(word);

		/* A claim fails only while there are 2^16 - 1 of them. */
		while (userblk_slot_is_taken(slot, generation)) {
			if (userblk_slot_claim(slot, generation))
				userblk_queue_end(slot, BLK_STS_IOERR,
						  &completions);
			else
				cond_resched();
			userblk_completions_flush_full(&completions);
		}
	}
	userblk_completions_flush(&completions);
}

/* Afterwards nothing can be added, and nothing is queued or taken. */
static void userblk_hwq_kill(struct userblk_hwq *hwq)
{
	struct userblk_slot *slot, *next;
	LIST_HEAD(failed);

	spin_lock(&hwq->lock);
	WRITE_ONCE(hwq->queue->dying, true);
	/* Pairs with userblk_node_poll(): a poller that sees no work sees why. */
	smp_wmb();
	list_for_each_entry_safe(slot, next, &hwq->returned, node)
		userblk_hwq_cancel(hwq, slot, &failed);
	list_for_each_entry_safe(slot, next, &hwq->fresh, node)
		userblk_hwq_cancel(hwq, slot, &failed);
	spin_unlock(&hwq->lock);
	userblk_queue_end_list(hwq->queue, &failed, BLK_STS_IOERR);
	userblk_hwq_end_taken(hwq);
}

void userblk_queue_kill(struct userblk_queue *queue)
{
	unsigned int i;

	for (i = 0; i < queue->nr_hwqs; i++)
		userblk_hwq_kill(&queue->hwqs[i]);
	userblk_wake_all(&queue->waiters, EPOLLHUP | EPOLLERR);
}
