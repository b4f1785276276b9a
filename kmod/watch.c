// SPDX-License-Identifier: GPL-2.0
#include "watch.h"

#include <linux/jiffies.h>

#include "cancel.h"

/* How long requests wait without a delivery before it is worth telling. */
#define USERBLK_WATCH_PERIOD	HZ

static void userblk_watch_work(struct work_struct *work)
{
	struct userblk_queue *queue = container_of(to_delayed_work(work),
						   struct userblk_queue, watch);
	unsigned long due = READ_ONCE(queue->last_take) + USERBLK_WATCH_PERIOD;

	if (userblk_queue_is_dying(queue))
		return;
	if (!userblk_queue_has_work(queue)) {
		clear_bit(0, &queue->watching);
		/* What was queued meanwhile saw the bit still set: look again. */
		smp_mb__after_atomic();
		if (userblk_queue_has_work(queue))
			userblk_watch_start(queue);
		return;
	}
	if (time_before(jiffies, due)) {
		schedule_delayed_work(&queue->watch, due - jiffies);
		return;
	}
	/* Stays "watching": the next delivery starts it anew. */
	WRITE_ONCE(queue->told, true);
	queue->front->waiting(queue);
}

static void userblk_expire_work(struct work_struct *work)
{
	struct userblk_queue *queue =
		container_of(to_delayed_work(work), struct userblk_queue,
			     expire);
	unsigned long oldest, next;

	if (userblk_queue_is_dying(queue))
		return;
	userblk_queue_expire(queue, jiffies - queue->limit, &oldest);
	clear_bit(0, &queue->expiring);
	/* As above. */
	smp_mb__after_atomic();
	if (!userblk_queue_has_work(queue) ||
	    test_and_set_bit(0, &queue->expiring))
		return;
	next = oldest + queue->limit;
	queue_delayed_work(userblk_reclaim_wq, &queue->expire,
			   time_after(next, jiffies) ? next - jiffies : 1);
}

void userblk_watch_init(struct userblk_queue *queue)
{
	INIT_DELAYED_WORK(&queue->watch, userblk_watch_work);
	INIT_DELAYED_WORK(&queue->expire, userblk_expire_work);
}

void userblk_watch_start(struct userblk_queue *queue)
{
	if (userblk_queue_is_dying(queue))
		return;
	if (!test_and_set_bit(0, &queue->watching)) {
		/* An idle time is no time of waiting. */
		if (time_before(READ_ONCE(queue->last_take), jiffies))
			WRITE_ONCE(queue->last_take, jiffies);
		schedule_delayed_work(&queue->watch, USERBLK_WATCH_PERIOD);
	}
	if (queue->limit && !test_and_set_bit(0, &queue->expiring))
		queue_delayed_work(userblk_reclaim_wq, &queue->expire,
				   queue->limit);
}

/* The queue is dying, so that neither is started again once it is gone. */
void userblk_watch_stop(struct userblk_queue *queue)
{
	cancel_delayed_work_sync(&queue->watch);
	cancel_delayed_work_sync(&queue->expire);
}
