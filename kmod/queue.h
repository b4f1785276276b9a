/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The one thing that the module keeps for a device: requests that wait, and
 * requests that somebody took. It knows nothing of disks and nothing of ioctls.
 *
 * A front end fills a slot in and adds it; whoever serves takes it, moves its
 * payload, and ends it or lets it go back. Locks: hwq->lock is held for short,
 * fixed work only, never across a user copy, a sleep or another queue's lock.
 * It is taken from process context alone.
 */
#ifndef USERBLK_QUEUE_H
#define USERBLK_QUEUE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "front.h"
#include "ioctl/userblk_ioctl.h"
#include "slot.h"
#include "stats.h"
#include "taker.h"
#include "wake.h"

struct userblk_completions;
struct userblk_redirect;

/**
 * struct userblk_hwq - one hardware queue
 * @lock: the lists, and what slot.h says
 * @returned: QUEUED slots that had been taken before, by @seq; go first
 * @fresh: QUEUED slots never taken, in order of submission
 * @queued: length of both lists; written under @lock, read anywhere
 * @next_seq: of the next submission
 * @queue: the device's queue; constant
 * @slots: @queue->depth of them; constant
 * @redirects: one for each slot, if the queue redirects; constant
 * @index: constant
 */
struct userblk_hwq {
	spinlock_t lock;	/* lists and transitions, see slot.h */
	struct list_head returned;
	struct list_head fresh;
	u32 queued;
	u32 index;
	u64 next_seq;
	struct userblk_queue *queue;
	struct userblk_slot *slots;
	struct userblk_redirect *redirects;
} ____cacheline_aligned_in_smp;

/**
 * struct userblk_queue - the queue of one device
 * @hwqs: @nr_hwqs of them; constant, as are the next ones down to @limit
 * @nr_hwqs: how many
 * @depth: slots of each
 * @tag_bits: that a tag needs
 * @number: the device's, for messages
 * @delivery_limit: deliveries before a request fails; 0: unlimited
 * @limit: jiffies that a request may wait; 0: unlimited
 * @front: where requests come from; constant
 * @requeue: puts a slot that is RETURNING into the queue, whose last claim is
 *	gone only now; of recovery.c, which made it RETURNING; constant
 * @waiters: those who wait for requests
 * @dying: the device is being removed; set once, under every hwq->lock in turn
 * @redirect_wq: carries redirected requests out; NULL if the device does not
 *	redirect; constant
 * @takers: who has taken requests
 * @stats: counters
 * @last_take: jiffies of the last delivery; written without a lock
 * @unserved: says when requests wait and nobody serves; as the next three of
 *	patience.c
 * @patience: USERBLK_PATIENCE_*
 * @expire: fails what waited for longer than @limit
 * @expiring: @expire is scheduled
 */
struct userblk_queue {
	struct userblk_hwq *hwqs;
	unsigned int nr_hwqs;
	unsigned int depth;
	unsigned int tag_bits;
	u32 number;
	u32 delivery_limit;
	unsigned long limit;
	struct userblk_front *front;
	void (*requeue)(struct userblk_slot *slot);
	struct userblk_waiters waiters;
	bool dying;
	struct workqueue_struct *redirect_wq;
	struct userblk_takers takers;
	struct userblk_stats __percpu *stats;

	unsigned long last_take;
	struct delayed_work unserved;
	unsigned long patience;
	struct delayed_work expire;
	unsigned long expiring;
};

/**
 * struct userblk_delivery - what is told about a request that was taken
 * @slot: where it is; claim it with @id's generation before touching it
 * @id: of this delivery
 * @offset: bytes
 * @length: bytes
 * @flags: USERBLK_REQ_*
 * @deliveries: this one included
 * @op: USERBLK_OP_*
 * @queue: index of its hardware queue
 */
struct userblk_delivery {
	struct userblk_slot *slot;
	u64 id;
	u64 offset;
	u32 length;
	u32 flags;
	u32 deliveries;
	u16 op;
	u16 queue;
};

static inline u64 userblk_slot_id(const struct userblk_slot *slot,
				  u32 generation)
{
	return (u64)generation << 32 | (u64)slot->hwq->index << 16 | slot->tag;
}

static inline u64 userblk_slot_current_id(const struct userblk_slot *slot)
{
	return userblk_slot_id(slot,
			       userblk_word_generation(userblk_slot_word(slot)));
}

/* @front, @number and the limits are set. 0 or -ENOMEM. */
int userblk_queue_init(struct userblk_queue *queue, unsigned int nr_hwqs,
		       unsigned int depth);
/* Everything has ended, and nobody can reach it any more. */
void userblk_queue_destroy(struct userblk_queue *queue);

/*
 * The front end's side: adds slots linked by their node. Returns false, and
 * leaves them free and on the list, if the device is being removed. After true
 * the requests may end at any moment. Call userblk_queue_kick(), of patience.h,
 * after the last ones of a burst.
 */
bool userblk_queue_add(struct userblk_hwq *hwq, struct list_head *slots);

/*
 * Takes up to n requests of one hardware queue: the first from start on, in a
 * circle, that has any. One that was put back comes alone, and only when first
 * is set; then *alone is set too. Returns how many; with any,
 * userblk_patience_note_taken() is to be called.
 */
unsigned int userblk_queue_take(struct userblk_queue *queue, u32 start,
				struct userblk_taker *taker,
				struct userblk_delivery *to, unsigned int n,
				bool first, bool *alone);

/* The slot that an id names, if there is such a slot: its word decides more. */
static inline struct userblk_slot *
userblk_queue_slot(struct userblk_queue *queue, u64 id)
{
	u32 index = USERBLK_ID_QUEUE(id), tag = USERBLK_ID_TAG(id);

	if (index >= queue->nr_hwqs || tag >= queue->depth)
		return NULL;
	return &queue->hwqs[index].slots[tag];
}

/*
 * Under a claim; both give it up. end: false if another one was faster;
 * otherwise the request is among the completions, or a later unclaim ends it.
 */
bool userblk_queue_end(struct userblk_slot *slot, blk_status_t status,
		       struct userblk_completions *completions);

void userblk_queue_unclaim(struct userblk_slot *slot);

/* The slot is the caller's. Others may still be looking, under RCU. */
static inline void userblk_slot_drop_taker(struct userblk_slot *slot)
{
	struct userblk_taker *taker = rcu_dereference_protected(slot->taker, 1);

	if (!taker)
		return;
	RCU_INIT_POINTER(slot->taker, NULL);
	userblk_taker_let_go(taker, 1);
}

/* What follows, of a slot that others have claimed. False: not taken. */
bool userblk_queue_redirect_claimed(struct userblk_slot *slot, u32 generation);

/*
 * From taken to redirected, without a claim: -ESTALE, or 0 and the slot is the
 * redirection's.
 */
static inline int userblk_queue_redirect(struct userblk_slot *slot,
					 u32 generation)
{
	if (unlikely(!userblk_slot_redirect_unclaimed(slot, generation)) &&
	    !userblk_queue_redirect_claimed(slot, generation))
		return -ESTALE;
	userblk_slot_drop_taker(slot);
	WRITE_ONCE(slot->since, jiffies);
	return 0;
}

/* The end of it, in any context: it goes to the completions, or at once. */
void userblk_queue_end_redirected(struct userblk_slot *slot,
				  blk_status_t status,
				  struct userblk_completions *completions);

/* The slots are FREE and the caller's; ends them all in the same way; how many. */
unsigned int userblk_queue_end_list(struct userblk_queue *queue,
				    struct list_head *slots,
				    blk_status_t status);

static inline bool userblk_queue_is_dying(const struct userblk_queue *queue)
{
	return READ_ONCE(queue->dying);
}

/* A hardware queue that has requests to be taken, or NULL. */
static inline struct userblk_hwq *
userblk_queue_ready(const struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = queue->hwqs, *end = hwq + queue->nr_hwqs;

	do {
		if (READ_ONCE(hwq->queued))
			return hwq;
	} while (++hwq != end);
	return NULL;
}

/* How many requests are queued, of one hardware queue that has any; or 0. */
static inline u32 userblk_queue_waiting(const struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = userblk_queue_ready(queue);

	return hwq ? max(READ_ONCE(hwq->queued), 1u) : 0;
}

static inline bool userblk_queue_has_work(const struct userblk_queue *queue)
{
	return userblk_queue_ready(queue);
}

/* Wakes somebody for what is queued, if anything is; from any context. */
static inline void userblk_queue_wake_for_rest(struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = userblk_queue_ready(queue);

	if (unlikely(hwq))
		userblk_wake(&queue->waiters, hwq->index);
}

#endif /* USERBLK_QUEUE_H */
