/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Timers for requests that wait too long: the front end is notified once that
 * nobody serves, and requests fail at the device's limit, if any. Both run only
 * while something is queued; neither looks for dead takers.
 */
#ifndef USERBLK_PATIENCE_H
#define USERBLK_PATIENCE_H

#include "queue.h"

/* For work that memory reclaim may wait for. */
extern struct workqueue_struct *userblk_reclaim_wq;

/* Bits of queue->patience. */
#define USERBLK_PATIENCE_STARTED 0 /* the work is scheduled, or has reported */
#define USERBLK_PATIENCE_TOLD 1 /* ... and nothing was taken since */

/* Before the first request. */
void userblk_patience_init(struct userblk_queue *queue);
void userblk_patience_start(struct userblk_queue *queue);
void userblk_patience_again(struct userblk_queue *queue);
/*
 * Call this when the queue is dying, so that the timers are not started again,
 * and once more when nothing can reach the queue: a task may have been about to
 * start them.
 */
void userblk_patience_stop(struct userblk_queue *queue);

/* Requests were added to the hardware queue: wakes a waiter, arms the timers. */
void userblk_queue_kick(struct userblk_hwq *hwq);

/* Requests were queued. */
static inline void userblk_patience_arm(struct userblk_queue *queue)
{
	if (unlikely(!test_bit(USERBLK_PATIENCE_STARTED, &queue->patience) ||
		     (queue->limit && !test_bit(0, &queue->expiring))))
		userblk_patience_start(queue);
}

/* Requests were taken, and hwq->lock was dropped since. */
static inline void userblk_patience_note_taken(struct userblk_queue *queue)
{
	unsigned long now = jiffies;

	if (READ_ONCE(queue->last_take) != now)
		WRITE_ONCE(queue->last_take, now);
	if (unlikely(test_bit(USERBLK_PATIENCE_TOLD, &queue->patience)))
		userblk_patience_again(queue);
}

#endif /* USERBLK_PATIENCE_H */
