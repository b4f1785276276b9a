// SPDX-License-Identifier: GPL-2.0
#include "queue.h"

#include <linux/list_sort.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "completions.h"
#include "trace.h"
#include "wake.h"
#include "patience.h"

/* Of the slots of new devices: to see generations wrap takes years otherwise. */
static unsigned int userblk_first_generation;
module_param_named(first_generation, userblk_first_generation, uint, 0600);
MODULE_PARM_DESC(first_generation,
		 "Generation that slots begin with (for tests; default 0)");

static void userblk_hwq_init(struct userblk_queue *queue, unsigned int index)
{
	struct userblk_hwq *hwq = &queue->hwqs[index];
	unsigned int tag;

	spin_lock_init(&hwq->lock);
	INIT_LIST_HEAD(&hwq->returned);
	INIT_LIST_HEAD(&hwq->fresh);
	init_waitqueue_head(&hwq->wait);
	hwq->queue = queue;
	hwq->index = index;
	for (tag = 0; tag < queue->depth; tag++) {
		hwq->slots[tag].hwq = hwq;
		atomic64_set(&hwq->slots[tag].word,
			     userblk_word(userblk_first_generation,
					  USERBLK_SLOT_FREE, 0));
		hwq->slots[tag].tag = tag;
		INIT_LIST_HEAD(&hwq->slots[tag].node);
	}
}

static void userblk_queue_free(struct userblk_queue *queue)
{
	unsigned int i;

	for (i = 0; queue->hwqs && i < queue->nr_hwqs; i++)
		kvfree(queue->hwqs[i].slots);
	kvfree(queue->hwqs);
	free_percpu(queue->stats);
	queue->hwqs = NULL;
	queue->stats = NULL;
}

int userblk_queue_init(struct userblk_queue *queue, unsigned int nr_hwqs,
		       unsigned int depth)
{
	unsigned int i;

	queue->nr_hwqs = nr_hwqs;
	queue->depth = depth;
	queue->tag_bits = order_base_2(depth);
	queue->stats = alloc_percpu(struct userblk_stats);
	queue->hwqs = kvcalloc(nr_hwqs, sizeof(*queue->hwqs), GFP_KERNEL);
	if (!queue->stats || !queue->hwqs)
		goto free;
	for (i = 0; i < nr_hwqs; i++) {
		queue->hwqs[i].slots = kvcalloc(depth,
						sizeof(struct userblk_slot),
						GFP_KERNEL);
		if (!queue->hwqs[i].slots)
			goto free;
		userblk_hwq_init(queue, i);
	}

	init_waitqueue_head(&queue->pollers);
	userblk_takers_init(&queue->takers);
	queue->last_take = jiffies;
	userblk_patience_init(queue);
	return 0;

free:
	userblk_queue_free(queue);
	return -ENOMEM;
}

/* Everything has ended, and nobody can reach the queue any more. */
void userblk_queue_destroy(struct userblk_queue *queue)
{
	if (!queue->hwqs)
		return;
	/* Once more: one who was about to start them is certainly done now. */
	userblk_patience_stop(queue);
	userblk_takers_destroy(&queue->takers);
	userblk_queue_free(queue);
}

/* --------------------------------------------------- from the front end */

static void userblk_hwq_append(struct userblk_hwq *hwq,
			       struct userblk_slot *slot)
{
	slot->seq = hwq->next_seq++;
	slot->deliveries = 0;
	slot->given_back = 0;
	RCU_INIT_POINTER(slot->taker, NULL);
	WRITE_ONCE(slot->since, jiffies);
	userblk_slot_queue(slot);
	trace_userblk_queue(slot, userblk_slot_current_id(slot));
}

bool userblk_queue_add(struct userblk_hwq *hwq, struct list_head *slots)
{
	struct userblk_slot *slot;
	u32 count = 0;

	spin_lock(&hwq->lock);
	if (unlikely(hwq->queue->dying)) {
		spin_unlock(&hwq->lock);
		return false;
	}
	list_for_each_entry(slot, slots, node) {
		userblk_hwq_append(hwq, slot);
		count++;
	}
	list_splice_tail_init(slots, &hwq->fresh);
	WRITE_ONCE(hwq->queued, hwq->queued + count);
	spin_unlock(&hwq->lock);
	return true;
}

void userblk_queue_kick(struct userblk_hwq *hwq)
{
	userblk_wake(hwq);
	userblk_patience_arm(hwq->queue);
}

/* ------------------------------------------------------- taking requests */

static __always_inline void userblk_hwq_take_one(struct userblk_hwq *hwq,
						 struct userblk_slot *slot,
						 struct userblk_taker *taker,
						 struct userblk_delivery *to)
{
	bool again = slot->deliveries;

	slot->deliveries++;
	slot->filled = 0;
	WRITE_ONCE(slot->since, jiffies);
	rcu_assign_pointer(slot->taker, taker);

	to->slot = slot;
	to->offset = slot->offset;
	to->length = slot->length;
	to->flags = slot->flags | (again ? USERBLK_REQ_REDELIVERED : 0);
	to->deliveries = slot->deliveries;
	to->op = slot->op;
	to->queue = hwq->index;
	to->id = userblk_slot_id(slot, userblk_slot_take(slot));
	trace_userblk_get(slot, to->id);
}

/* Moves up to n slots from the head of a list to another; how many. */
static unsigned int userblk_slots_cut(struct list_head *from, unsigned int n,
				      struct list_head *to)
{
	struct list_head *at = from->next;
	unsigned int count;

	for (count = 0; count < n && at != from; count++)
		at = at->next;
	list_cut_before(to, from, at);
	return count;
}

static unsigned int userblk_hwq_take(struct userblk_hwq *hwq,
				     struct userblk_taker *taker,
				     struct userblk_delivery *to,
				     unsigned int n, bool first, bool *alone)
{
	struct list_head *from = &hwq->fresh;
	struct userblk_slot *slot, *next;
	LIST_HEAD(slots);

	spin_lock(&hwq->lock);
	if (!list_empty(&hwq->returned)) {
		from = &hwq->returned;
		n = first ? 1 : 0;
		*alone = first;
	}
	if (from == &hwq->fresh && n >= hwq->queued) {
		n = hwq->queued; /* they are all there */
		list_splice_init(from, &slots);
	} else {
		n = userblk_slots_cut(from, n, &slots);
	}
	WRITE_ONCE(hwq->queued, hwq->queued - n);
	/* Counted before anybody can answer them. */
	atomic_add(n, &taker->taken);
	/* From when it is TAKEN a slot's node is another's, who guessed its id. */
	list_for_each_entry_safe(slot, next, &slots, node)
		userblk_hwq_take_one(hwq, slot, taker, to++);
	spin_unlock(&hwq->lock);
	return n;
}

/* The same for one, as most are: without a list in between. */
static unsigned int userblk_hwq_take_first(struct userblk_hwq *hwq,
					   struct userblk_taker *taker,
					   struct userblk_delivery *to,
					   bool first, bool *alone)
{
	struct list_head *from = &hwq->fresh;
	struct userblk_slot *slot = NULL;

	spin_lock(&hwq->lock);
	if (unlikely(!list_empty(&hwq->returned))) {
		from = first ? &hwq->returned : NULL;
		*alone = first;
	}
	if (from)
		slot = list_first_entry_or_null(from, struct userblk_slot,
						node);
	if (slot) {
		list_del(&slot->node);
		WRITE_ONCE(hwq->queued, hwq->queued - 1);
		/* Counted before anybody can answer it. */
		atomic_inc(&taker->taken);
		userblk_hwq_take_one(hwq, slot, taker, to);
	}
	spin_unlock(&hwq->lock);
	return slot ? 1 : 0;
}

unsigned int userblk_queue_take(struct userblk_queue *queue, u32 start,
				struct userblk_taker *taker,
				struct userblk_delivery *to, unsigned int n,
				bool first, bool *alone)
{
	unsigned int i, taken;

	for (i = 0; i < queue->nr_hwqs; i++) {
		unsigned int at = start + i;
		struct userblk_hwq *hwq;

		if (at >= queue->nr_hwqs)
			at -= queue->nr_hwqs;
		hwq = &queue->hwqs[at];
		if (!READ_ONCE(hwq->queued))
			continue;
		if (n == 1)
			taken = userblk_hwq_take_first(hwq, taker, to, first,
						       alone);
		else
			taken = userblk_hwq_take(hwq, taker, to, n, first,
						 alone);
		if (taken) {
			userblk_stats_add(queue, gets, taken);
			userblk_patience_taken(queue);
			return taken;
		}
	}
	return 0;
}

/* ------------------------------------------------------ ending deliveries */

unsigned int userblk_queue_finish(struct userblk_queue *queue,
				  struct list_head *slots, blk_status_t status)
{
	struct userblk_slot *slot, *next;
	struct userblk_completions completions __uninitialized;
	unsigned int count = 0;

	userblk_completions_init(&completions, queue);
	list_for_each_entry_safe(slot, next, slots, node) {
		list_del(&slot->node);
		slot->status = status;
		userblk_completions_add(&completions, slot);
		userblk_completions_flush_full(&completions);
		count++;
	}
	userblk_completions_flush(&completions);
	return count;
}

/* The slot is FREE and the caller's. */
static void userblk_queue_finish_one(struct userblk_slot *slot)
{
	struct userblk_completions completions __uninitialized;

	userblk_completions_init(&completions, slot->hwq->queue);
	userblk_completions_add(&completions, slot);
	userblk_completions_flush(&completions);
}

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
 * Puts a slot that is RETURNING and the caller's into the queue, or on the list
 * of those that userblk_queue_fail() ends after the lock was dropped. The caller
 * sorts hwq->returned before it drops the lock.
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
	trace_userblk_queue(slot, userblk_slot_current_id(slot));
}

static void userblk_hwq_sort(struct userblk_hwq *hwq)
{
	list_sort(NULL, &hwq->returned, userblk_slot_compare);
}

/* Ends what could not go back: the device goes, or it was tried too often. */
static void userblk_queue_fail(struct userblk_queue *queue,
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
	userblk_queue_finish(queue, failed, BLK_STS_IOERR);
}

/* The last claim on a slot that is RETURNING is gone. */
static void userblk_queue_requeue(struct userblk_slot *slot)
{
	struct userblk_hwq *hwq = slot->hwq;
	LIST_HEAD(failed);

	spin_lock(&hwq->lock);
	userblk_hwq_requeue(hwq, slot, &failed);
	userblk_hwq_sort(hwq);
	spin_unlock(&hwq->lock);
	userblk_queue_fail(hwq->queue, &failed);
	userblk_queue_kick(hwq);
}

void userblk_queue_unclaim(struct userblk_slot *slot)
{
	enum userblk_slot_state last = userblk_slot_unclaim(slot);

	if (unlikely(last == USERBLK_SLOT_FREE))
		userblk_queue_finish_one(slot);
	else if (unlikely(last == USERBLK_SLOT_RETURNING))
		userblk_queue_requeue(slot);
}

bool userblk_queue_end(struct userblk_slot *slot, blk_status_t status,
		       struct userblk_completions *completions)
{
	enum userblk_slot_state last;
	bool ended = userblk_slot_end(slot, status, &last);

	if (likely(last == USERBLK_SLOT_FREE))
		userblk_completions_add(completions, slot);
	else if (last == USERBLK_SLOT_RETURNING)
		userblk_queue_requeue(slot);
	return ended;
}

bool userblk_queue_end_unclaimed(struct userblk_slot *slot, u32 generation,
				 blk_status_t status,
				 struct userblk_completions *completions)
{
	if (!userblk_slot_end_unclaimed(slot, generation))
		return false;
	slot->status = status;
	userblk_completions_add(completions, slot);
	return true;
}

bool userblk_queue_redirect_claimed(struct userblk_slot *slot, u32 generation)
{
	struct userblk_hwq *hwq = slot->hwq;
	bool found;

	/* An ADOPT, which changes the taker, holds a claim meanwhile. */
	spin_lock(&hwq->lock);
	found = userblk_slot_redirect(slot, generation);
	spin_unlock(&hwq->lock);
	return found;
}

void userblk_queue_end_redirected(struct userblk_slot *slot,
				  blk_status_t status,
				  struct userblk_completions *completions)
{
	trace_userblk_redirected(slot, userblk_slot_current_id(slot), status);
	if (!userblk_slot_end_redirected(slot, status))
		return;
	if (completions)
		userblk_completions_add(completions, slot);
	else
		userblk_queue_finish_one(slot);
}

/* ------------------------------------------------------------ recovery */

int userblk_queue_give_back(struct userblk_slot *slot, u32 generation,
			    bool undo)
{
	struct userblk_hwq *hwq = slot->hwq;
	struct userblk_queue *queue = hwq->queue;
	LIST_HEAD(failed);
	bool found, now;

	spin_lock(&hwq->lock);
	found = userblk_slot_return(slot, generation, &now);
	if (found && undo) {
		trace_userblk_undo(slot, userblk_slot_id(slot, generation));
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

	userblk_queue_fail(queue, &failed);
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
	if (userblk_slot_is_taken(slot, generation)) {
		atomic_inc(&taker->taken);
		userblk_slot_drop_taker(slot);
		rcu_assign_pointer(slot->taker, taker);
		ret = 0;
	}
	spin_unlock(&hwq->lock);
	userblk_queue_unclaim(slot);
	return ret;
}

/* 1 if the slot was put back, in this generation. */
static unsigned int userblk_hwq_reset_slot(struct userblk_slot *slot,
					   u32 generation, userblk_match match,
					   const void *arg,
					   struct list_head *failed)
{
	bool now;

	if (!userblk_slot_is_taken(slot, generation) ||
	    !match(slot, generation, arg) ||
	    !userblk_slot_return(slot, generation, &now))
		return 0;
	trace_userblk_put_back(slot, userblk_slot_id(slot, generation));
	if (now)
		userblk_hwq_requeue(slot->hwq, slot, failed);
	return 1;
}

static unsigned int userblk_hwq_reset(struct userblk_hwq *hwq,
				      userblk_match match, const void *arg,
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
	userblk_queue_fail(queue, failed);
	userblk_stats_add(queue, resets, 1);
	userblk_stats_add(queue, put_back, count);
	userblk_wake_for_rest(queue);
	userblk_patience_arm(queue);
}

unsigned int userblk_queue_reset(struct userblk_queue *queue,
				 userblk_match match, const void *arg)
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

static bool userblk_match_any(struct userblk_slot *slot, u32 generation,
			      const void *arg)
{
	return true;
}

unsigned int userblk_queue_reset_one(struct userblk_queue *queue, u64 id)
{
	struct userblk_slot *slot = userblk_queue_slot(queue, id);
	unsigned int count;
	LIST_HEAD(failed);

	if (!slot)
		return 0;
	spin_lock(&slot->hwq->lock);
	count = userblk_hwq_reset_slot(slot, USERBLK_ID_GENERATION(id),
				       userblk_match_any, NULL, &failed);
	userblk_hwq_sort(slot->hwq);
	spin_unlock(&slot->hwq->lock);
	userblk_queue_reset_done(queue, count, &failed);
	return count;
}
