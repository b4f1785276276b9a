// SPDX-License-Identifier: GPL-2.0
#include "queue.h"

#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "completions.h"
#include "trace.h"

/* For slots of new devices. Otherwise it takes years to see a generation wrap. */
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
	userblk_waiters_destroy(&queue->waiters);
	free_percpu(queue->stats);
	queue->hwqs = NULL;
	queue->stats = NULL;
}

/* Any context, possibly under tasklist_lock: may only wake. */
static void userblk_queue_taker_died(struct userblk_takers *takers, bool holds)
{
	struct userblk_queue *queue =
		container_of(takers, struct userblk_queue, takers);

	if (holds)
		userblk_wake_all(&queue->waiters, EPOLLPRI);
	/* The taker may have been woken for a request and died before taking it. */
	userblk_queue_wake_for_rest(queue);
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
	if (!queue->stats || !queue->hwqs ||
	    userblk_waiters_init(&queue->waiters, nr_hwqs))
		goto free;
	for (i = 0; i < nr_hwqs; i++) {
		queue->hwqs[i].slots = kvcalloc(depth,
						sizeof(struct userblk_slot),
						GFP_KERNEL);
		if (!queue->hwqs[i].slots)
			goto free;
		userblk_hwq_init(queue, i);
	}

	userblk_takers_init(&queue->takers, userblk_queue_taker_died);
	return 0;

free:
	userblk_queue_free(queue);
	return -ENOMEM;
}

void userblk_queue_destroy(struct userblk_queue *queue)
{
	if (!queue->hwqs)
		return;
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
	trace_userblk_queue(slot->hwq->queue->number, slot,
			    userblk_slot_current_id(slot));
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

/* ------------------------------------------------------- taking requests */

static void userblk_hwq_take_one(struct userblk_hwq *hwq,
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
	trace_userblk_get(slot->hwq->queue->number, slot, to->id);
}

/* Moves up to n slots from the head of one list to another. Returns how many. */
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
		n = hwq->queued; /* all of them are fresh */
		list_splice_init(from, &slots);
	} else {
		n = userblk_slots_cut(from, n, &slots);
	}
	WRITE_ONCE(hwq->queued, hwq->queued - n);
	/* Count them before anybody can answer them. */
	atomic_add(n, &taker->taken);
	/* A guessed id can end a TAKEN slot, whose node is then reused. */
	list_for_each_entry_safe(slot, next, &slots, node)
		userblk_hwq_take_one(hwq, slot, taker, to++);
	spin_unlock(&hwq->lock);
	return n;
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
		taken = userblk_hwq_take(hwq, taker, to, n, first, alone);
		if (taken) {
			userblk_stats_add(queue, gets, taken);
			return taken;
		}
	}
	return 0;
}

/* ------------------------------------------------------ ending deliveries */

unsigned int userblk_queue_end_list(struct userblk_queue *queue,
				    struct list_head *slots,
				    blk_status_t status)
{
	struct userblk_slot *slot, *next;
	struct userblk_completions completions __uninitialized;
	unsigned int count = 0;

	userblk_completions_init(&completions, queue->front, queue->stats);
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

/* The slot is FREE and owned by the caller. */
static void userblk_queue_end_one(struct userblk_slot *slot)
{
	struct userblk_queue *queue = slot->hwq->queue;
	struct userblk_completions completions __uninitialized;

	userblk_completions_init(&completions, queue->front, queue->stats);
	userblk_completions_add(&completions, slot);
	userblk_completions_flush(&completions);
}

void userblk_queue_unclaim(struct userblk_slot *slot)
{
	enum userblk_slot_state last = userblk_slot_unclaim(slot);

	if (unlikely(last == USERBLK_SLOT_FREE))
		userblk_queue_end_one(slot);
	else if (unlikely(last == USERBLK_SLOT_RETURNING))
		slot->hwq->queue->requeue(slot);
}

bool userblk_queue_end(struct userblk_slot *slot, blk_status_t status,
		       struct userblk_completions *completions)
{
	enum userblk_slot_state last;
	bool ended = userblk_slot_end(slot, status, &last);

	if (likely(last == USERBLK_SLOT_FREE))
		userblk_completions_add(completions, slot);
	else if (last == USERBLK_SLOT_RETURNING)
		slot->hwq->queue->requeue(slot);
	return ended;
}

bool userblk_queue_redirect_claimed(struct userblk_slot *slot, u32 generation)
{
	struct userblk_hwq *hwq = slot->hwq;
	bool found;

	/* ADOPT changes the taker under this lock and a claim. */
	spin_lock(&hwq->lock);
	found = userblk_slot_redirect(slot, generation);
	spin_unlock(&hwq->lock);
	return found;
}

void userblk_queue_end_redirected(struct userblk_slot *slot,
				  blk_status_t status,
				  struct userblk_completions *completions)
{
	trace_userblk_redirected(slot->hwq->queue->number,
				 userblk_slot_current_id(slot), status);
	if (!userblk_slot_end_redirected(slot, status))
		return;
	if (completions)
		userblk_completions_add(completions, slot);
	else
		userblk_queue_end_one(slot);
}
