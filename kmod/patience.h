/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to requests that wait for long: the front end is told once that
 * nobody serves, and with a limit they fail. Both run only while something is
 * queued; neither looks for the dead.
 */
#ifndef USERBLK_PATIENCE_H
#define USERBLK_PATIENCE_H

#include "queue.h"

/* For work that memory reclaim may wait for. */
extern struct workqueue_struct *userblk_reclaim_wq;

/* Bits of queue->patience. */
#define USERBLK_PATIENCE_STARTED 0 /* the work is scheduled, or has told */
#define USERBLK_PATIENCE_TOLD 1 /* ... and nobody has taken one since */

/* Before the first request. */
void userblk_patience_init(struct userblk_queue *queue);
void userblk_patience_start(struct userblk_queue *queue);
void userblk_patience_again(struct userblk_queue *queue);
/*
 * The queue is dying, so that neither is started again once it is gone; once
 * more when nobody can reach it, since one may have been about to start them.
 */
void userblk_patience_stop(struct userblk_queue *queue);

/* Something was added to the hardware queue: somebody is woken for it. */
void userblk_queue_kick(struct userblk_hwq *hwq);

/* Something was queued. */
static inline void userblk_patience_arm(struct userblk_queue *queue)
{
	if (unlikely(!test_bit(USERBLK_PATIENCE_STARTED, &queue->patience) ||
		     (queue->limit && !test_bit(0, &queue->expiring))))
		userblk_patience_start(queue);
}

/* Something was taken, and the lock under which it was given up since. */
static inline void userblk_patience_note_taken(struct userblk_queue *queue)
{
	unsigned long now = jiffies;

	if (READ_ONCE(queue->last_take) != now)
		WRITE_ONCE(queue->last_take, now);
	if (unlikely(test_bit(USERBLK_PATIENCE_TOLD, &queue->patience)))
		userblk_patience_again(queue);
}

#endif /* USERBLK_PATIENCE_H */
