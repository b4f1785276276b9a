/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens to requests that wait for long: the front end is told once that
 * nobody serves, and with a limit they fail. Both run only while something is
 * queued; neither looks for the dead.
 */
#ifndef USERBLK_WATCH_H
#define USERBLK_WATCH_H

#include "queue.h"

/* For work that memory reclaim may wait for. */
extern struct workqueue_struct *userblk_reclaim_wq;

void userblk_watch_init(struct userblk_queue *queue);
void userblk_watch_start(struct userblk_queue *queue);
void userblk_watch_stop(struct userblk_queue *queue);

/* Something was queued. */
static inline void userblk_watch_arm(struct userblk_queue *queue)
{
	if (unlikely(!test_bit(0, &queue->watching) ||
		     (queue->limit && !test_bit(0, &queue->expiring))))
		userblk_watch_start(queue);
}

/* Something was taken. */
static inline void userblk_watch_taken(struct userblk_queue *queue)
{
	unsigned long now = jiffies;

	if (READ_ONCE(queue->last_take) != now)
		WRITE_ONCE(queue->last_take, now);
	if (unlikely(READ_ONCE(queue->told))) {
		WRITE_ONCE(queue->told, false);
		clear_bit(0, &queue->watching);
		/* As in userblk_watch_work(). */
		smp_mb__after_atomic();
		if (userblk_queue_has_work(queue))
			userblk_watch_arm(queue);
	}
}

#endif /* USERBLK_WATCH_H */
