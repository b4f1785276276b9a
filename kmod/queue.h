/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device's queue: the requests that wait and the requests that are taken. It
 * knows nothing of disks or ioctls.
 *
 * A front end fills in a slot and adds it; a worker takes it, moves its
 * payload, and ends it or returns it to the queue.
 *
 * hwq->lock is held for short, bounded work only, never across a user copy, a
 * sleep or another queue's lock. It is taken in process context only.
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
 * @lock: protects the lists and the transitions that slot.h lists
 * @returned: QUEUED slots that were taken before, sorted by @seq; taken first
 * @fresh: QUEUED slots that were never taken, in order of submission
 * @queued: slots in both lists; written under @lock, read anywhere
 * @next_seq: @seq of the next submission
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
 * @hwqs: @nr_hwqs of them; constant, as is everything down to @limit
 * @nr_hwqs: how many
 * @depth: slots of each hardware queue
 * @tag_bits: bits that a tag needs
 * @number: the device's number, for messages
 * @delivery_limit: deliveries before a request fails; 0: unlimited
 * @store_class: USERBLK_STORE_*: what a RESET demands
 * @store_wait_ns: with USERBLK_STORE_UNFENCED: or that the taker has been dead
 *	for so long; 0: not enough
 * @limit: jiffies that a request may stay queued; 0: unlimited
 * @front: where requests come from; constant
 * @requeue: requeues a RETURNING slot whose last claim was dropped; set by
 *	recovery.c, which makes slots RETURNING; constant
 * @waiters: tasks that wait for requests
 * @dying: the device is being removed; set once, under every hwq->lock in turn
 * @redirect_wq: carries out redirected requests; NULL if the device does not
 *	redirect; constant
 * @takers: processes that have taken requests
 * @stats: counters
 * @last_take: jiffies of the last delivery; written without a lock
 * @unserved: reports that requests wait and nobody serves; patience.c's, as are
 *	the next three
 * @patience: USERBLK_PATIENCE_*
 * @expire: fails requests that were queued for longer than @limit
 * @expiring: @expire is scheduled
 */
struct userblk_queue {
	struct userblk_hwq *hwqs;
	unsigned int nr_hwqs;
	unsigned int depth;
	unsigned int tag_bits;
	u32 number;
	u32 delivery_limit;
	u32 store_class;
	u64 store_wait_ns;
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
 * struct userblk_delivery - one delivery of a request
 * @slot: its slot; claim it in @id's generation before touching it
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

/* The caller has set @front, @number and the limits. 0 or -ENOMEM. */
int userblk_queue_init(struct userblk_queue *queue, unsigned int nr_hwqs,
		       unsigned int depth);
/* All requests have ended, and nothing can reach the queue. */
void userblk_queue_destroy(struct userblk_queue *queue);

/*
 * Adds the slots on a list, linked by their node, for a front end. If the
 * device is being removed, returns false and leaves the slots FREE and on the
 * list. Once this returns true, the requests may end at any moment. Call
 * userblk_queue_kick() of patience.h after the last slots of a burst.
 */
bool userblk_queue_add(struct userblk_hwq *hwq, struct list_head *slots);

/*
 * Takes up to n requests from one hardware queue: the first that has any, from
 * start on and wrapping around. A request that was taken before comes alone,
 * and only if first is set; *alone is then set, too. Returns the number of
 * requests; if it is not 0, the caller must call userblk_patience_note_taken().
 */
unsigned int userblk_queue_take(struct userblk_queue *queue, u32 start,
				struct userblk_taker *taker,
				struct userblk_delivery *to, unsigned int n,
				bool first, bool *alone);

/*
 * The slot that an id names, or NULL. The slot's word decides whether the id is
 * stale.
 */
static inline struct userblk_slot *
userblk_queue_slot(struct userblk_queue *queue, u64 id)
{
	u32 index = USERBLK_ID_QUEUE(id), tag = USERBLK_ID_TAG(id);

	if (index >= queue->nr_hwqs || tag >= queue->depth)
		return NULL;
	return &queue->hwqs[index].slots[tag];
}

/*
 * Both drop the caller's claim. userblk_queue_end() returns false if the
 * delivery was over already; otherwise the request is among the completions, or
 * a later unclaim ends it.
 */
bool userblk_queue_end(struct userblk_slot *slot, blk_status_t status,
		       struct userblk_completions *completions);

void userblk_queue_unclaim(struct userblk_slot *slot);

/* The caller owns the slot. RCU readers may still see its taker. */
static inline void userblk_slot_drop_taker(struct userblk_slot *slot)
{
	struct userblk_taker *taker = rcu_dereference_protected(slot->taker, 1);

	if (!taker)
		return;
	RCU_INIT_POINTER(slot->taker, NULL);
	userblk_taker_let_go(taker, 1);
}

/* Slow path of userblk_queue_redirect(), for a claimed slot. False: not taken. */
bool userblk_queue_redirect_claimed(struct userblk_slot *slot, u32 generation);

/*
 * TAKEN -> REDIRECTED; the caller holds no claim. 0 (the redirection owns the
 * slot) or -ESTALE.
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

/*
 * Ends a redirected request, in any context. It joins the completions, or ends
 * at once if they are NULL.
 */
void userblk_queue_end_redirected(struct userblk_slot *slot,
				  blk_status_t status,
				  struct userblk_completions *completions);

/*
 * Ends all requests on a list with the same status. Their slots are FREE and
 * owned by the caller. Returns how many.
 */
unsigned int userblk_queue_end_list(struct userblk_queue *queue,
				    struct list_head *slots,
				    blk_status_t status);

static inline bool userblk_queue_is_dying(const struct userblk_queue *queue)
{
	return READ_ONCE(queue->dying);
}

/* A hardware queue with queued requests, or NULL. */
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

/* The number of queued requests of one hardware queue that has any, or 0. */
static inline u32 userblk_queue_waiting(const struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = userblk_queue_ready(queue);

	return hwq ? max(READ_ONCE(hwq->queued), 1u) : 0;
}

static inline bool userblk_queue_has_work(const struct userblk_queue *queue)
{
	return userblk_queue_ready(queue);
}

/* Wakes a waiter if requests are queued. Any context. */
static inline void userblk_queue_wake_for_rest(struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = userblk_queue_ready(queue);

	if (unlikely(hwq))
		userblk_wake(&queue->waiters, hwq->index);
}

#endif /* USERBLK_QUEUE_H */
