// SPDX-License-Identifier: GPL-2.0
#include "recovery.h"

#include <linux/list_sort.h>

#include "patience.h"
#include "trace.h"

/* ----------------------------------------------------------- requeue */

static bool userblk_slot_is_exhausted(const struct userblk_slot *slot)
{
	u32 limit = slot->hwq->queue->delivery_limit;

	return limit && slot->deliveries - slot->given_back >= limit;
}

static int userblk_slot_compare(void *priv, const struct list_head *a,
				const struct list_head *b)
{
	u64 first = list_entry(a, struct userblk_slot, node)->seq;
	u64 second = list_entry(b, struct userblk_slot, node)->seq;

	return first < second ? -1 : first > second;
}

/*
 * Requeues a RETURNING slot that the caller owns, or adds it to the list that
 * userblk_queue_end_failed() ends once the lock is dropped. The caller sorts
 * hwq->returned before it drops the lock.
 */
static void userblk_hwq_requeue(struct userblk_hwq *hwq,
				struct userblk_slot *slot,
				struct list_head *failed)
{
	lockdep_assert_held(&hwq->lock);
	userblk_slot_drop_taker(slot);
	if (hwq->queue->dying || userblk_slot_is_exhausted(slot)) {
		userblk_slot_free(slot);
		list_add_tail(&slot->node, failed);
		return;
	}
	WRITE_ONCE(slot->since, jiffies);
	WRITE_ONCE(hwq->queued, hwq->queued + 1);
	list_add_tail(&slot->node, &hwq->returned);
	userblk_slot_queue(slot);
	trace_userblk_queue(slot->hwq->queue->number, slot,
			    userblk_slot_current_id(slot));
}

static void userblk_hwq_sort(struct userblk_hwq *hwq)
{
	list_sort(NULL, &hwq->returned, userblk_slot_compare);
}

/* Ends what could not be requeued: device dying, or delivered too often. */
static void userblk_queue_end_failed(struct userblk_queue *queue,
				     struct list_head *failed)
{
	struct userblk_slot *slot;

	if (likely(list_empty(failed)))
		return;
	if (!userblk_queue_is_dying(queue)) {
		list_for_each_entry(slot, failed, node) {
			pr_warn_ratelimited("userblk%u: request %#llx, op %u, %u bytes at %llu, failed after %u deliveries\n",
					    queue->number,
					    userblk_slot_current_id(slot),
					    slot->op, slot->length,
					    slot->offset, slot->deliveries);
			userblk_stats_add(queue, exhausted, 1);
		}
	}
	userblk_queue_end_list(queue, failed, BLK_STS_IOERR);
}

/* The last claim on a RETURNING slot was dropped. */
static void userblk_queue_requeue(struct userblk_slot *slot)
{
	struct userblk_hwq *hwq = slot->hwq;
	LIST_HEAD(failed);

	spin_lock(&hwq->lock);
	userblk_hwq_requeue(hwq, slot, &failed);
	userblk_hwq_sort(hwq);
	spin_unlock(&hwq->lock);
	userblk_queue_end_failed(hwq->queue, &failed);
	userblk_queue_kick(hwq);
}

void userblk_recovery_init(struct userblk_queue *queue)
{
	queue->requeue = userblk_queue_requeue;
}

/* -------------------------------------------------- give back, adopt */

/*
 * Does a dead process hold it, whose writes may still land? Then only a RESET
 * puts it back, which says that they cannot.
 */
static bool userblk_slot_awaits_fence(struct userblk_slot *slot, u32 generation)
{
	struct userblk_taker *taker;
	bool awaits;

	if (likely(slot->hwq->queue->store_class == USERBLK_STORE_PROCESS))
		return false;
	rcu_read_lock();
	taker = rcu_dereference(slot->taker);
	/* Read the taker before the word that says whose it was. */
	smp_rmb();
	awaits = taker && userblk_slot_is_taken(slot, generation) &&
		 userblk_taker_is_dead(taker);
	rcu_read_unlock();
	return awaits;
}

int userblk_queue_give_back(struct userblk_slot *slot, u32 generation,
			    bool undo)
{
	struct userblk_hwq *hwq = slot->hwq;
	struct userblk_queue *queue = hwq->queue;
	LIST_HEAD(failed);
	bool found, now;

	spin_lock(&hwq->lock);
	if (!undo && userblk_slot_awaits_fence(slot, generation)) {
		spin_unlock(&hwq->lock);
		return -EOWNERDEAD;
	}
	found = userblk_slot_return(slot, generation, &now);
	if (found && undo) {
		trace_userblk_undo(slot->hwq->queue->number, slot,
				   userblk_slot_id(slot, generation));
		slot->deliveries--;
	} else if (found) {
		slot->given_back++;
	}
	if (found && now) {
		userblk_hwq_requeue(hwq, slot, &failed);
		userblk_hwq_sort(hwq);
	}
	spin_unlock(&hwq->lock);
	if (!found)
		return -ESTALE;

	userblk_queue_end_failed(queue, &failed);
	if (!undo)
		userblk_stats_add(queue, given_back, 1);
	userblk_queue_kick(hwq);
	return 0;
}

int userblk_queue_adopt(struct userblk_slot *slot, u32 generation,
			struct userblk_taker *taker)
{
	struct userblk_hwq *hwq = slot->hwq;
	int ret = -ESTALE;

	/*
	 * The claim keeps a PUT from ending the delivery, and so from counting
	 * the old taker down, while the taker changes.
	 */
	if (!userblk_slot_claim(slot, generation))
		return ret;
	spin_lock(&hwq->lock);
	if (userblk_slot_awaits_fence(slot, generation)) {
		ret = -EOWNERDEAD;
	} else if (userblk_slot_is_taken(slot, generation)) {
		atomic_inc(&taker->taken);
		userblk_slot_drop_taker(slot);
		rcu_assign_pointer(slot->taker, taker);
		ret = 0;
	}
	spin_unlock(&hwq->lock);
	userblk_queue_unclaim(slot);
	return ret;
}

/* ---------------------------------------------------------- RESET */

/* Returns 1 if the slot was put back, in this generation, else 0. */
static unsigned int userblk_hwq_reset_slot(struct userblk_slot *slot,
					   u32 generation, userblk_match match,
					   void *arg,
					   struct list_head *failed)
{
	bool now;

	if (!userblk_slot_is_taken(slot, generation) ||
	    !match(slot, generation, arg) ||
	    !userblk_slot_return(slot, generation, &now))
		return 0;
	trace_userblk_put_back(slot->hwq->queue->number, slot,
			       userblk_slot_id(slot, generation));
	if (now)
		userblk_hwq_requeue(slot->hwq, slot, failed);
	return 1;
}

static unsigned int userblk_hwq_reset(struct userblk_hwq *hwq,
				      userblk_match match, void *arg,
				      struct list_head *failed)
{
	unsigned int tag, count = 0;

	spin_lock(&hwq->lock);
	rcu_read_lock();
	for (tag = 0; tag < hwq->queue->depth; tag++) {
		struct userblk_slot *slot = &hwq->slots[tag];
		u64 word = userblk_slot_word(slot);

		count += userblk_hwq_reset_slot(slot,
						userblk_word_generation(word),
						match, arg, failed);
	}
	rcu_read_unlock();
	if (count)
		userblk_hwq_sort(hwq);
	spin_unlock(&hwq->lock);
	return count;
}

static void userblk_queue_reset_done(struct userblk_queue *queue,
				     unsigned int count,
				     struct list_head *failed)
{
	if (!count)
		return;
	userblk_queue_end_failed(queue, failed);
	userblk_stats_add(queue, resets, 1);
	userblk_stats_add(queue, put_back, count);
	userblk_queue_wake_for_rest(queue);
	userblk_patience_arm(queue);
}

unsigned int userblk_queue_reset(struct userblk_queue *queue,
				 userblk_match match, void *arg)
{
	unsigned int i, count = 0;
	LIST_HEAD(failed);

	for (i = 0; i < queue->nr_hwqs; i++) {
		count += userblk_hwq_reset(&queue->hwqs[i], match, arg,
					   &failed);
		cond_resched();
	}
	userblk_queue_reset_done(queue, count, &failed);
	return count;
}

unsigned int userblk_queue_reset_one(struct userblk_queue *queue, u64 id,
				     userblk_match match, void *arg)
{
	struct userblk_slot *slot = userblk_queue_slot(queue, id);
	unsigned int count;
	LIST_HEAD(failed);

	if (!slot)
		return 0;
	spin_lock(&slot->hwq->lock);
	rcu_read_lock();
	count = userblk_hwq_reset_slot(slot, USERBLK_ID_GENERATION(id), match,
				       arg, &failed);
	rcu_read_unlock();
	userblk_hwq_sort(slot->hwq);
	spin_unlock(&slot->hwq->lock);
	userblk_queue_reset_done(queue, count, &failed);
	return count;
}
