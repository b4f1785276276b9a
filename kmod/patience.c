// SPDX-License-Identifier: GPL-2.0
#include "patience.h"

#include <linux/jiffies.h>

#include "cancel.h"

/* How long requests wait without a delivery before it is reported. */
#define USERBLK_PATIENCE_PERIOD HZ

/*
 * A task that takes a request checks TOLD after it has had the lock. So it sees
 * a bit that was set before this, or this sees what it took.
 */
static bool userblk_patience_is_true(struct userblk_queue *queue)
{
	unsigned int i;
	u32 queued = 0;

	for (i = 0; i < queue->nr_hwqs; i++) {
		spin_lock(&queue->hwqs[i].lock);
		queued |= queue->hwqs[i].queued;
		spin_unlock(&queue->hwqs[i].lock);
	}
	return queued;
}

/* The work is not scheduled and nothing is reported: start over. */
static void userblk_patience_restart(struct userblk_queue *queue)
{
	clear_bit(USERBLK_PATIENCE_STARTED, &queue->patience);
	/* Requests queued meanwhile saw the bit still set: look again. */
	smp_mb__after_atomic();
	if (userblk_queue_has_work(queue))
		userblk_patience_start(queue);
}

static void userblk_unserved_work(struct work_struct *work)
{
	struct userblk_queue *queue =
		container_of(to_delayed_work(work), struct userblk_queue,
			     unserved);
	unsigned long due =
		READ_ONCE(queue->last_take) + USERBLK_PATIENCE_PERIOD;

	if (userblk_queue_is_dying(queue))
		return;
	if (!userblk_queue_has_work(queue)) {
		userblk_patience_restart(queue);
		return;
	}
	if (time_before(jiffies, due)) {
		schedule_delayed_work(&queue->unserved, due - jiffies);
		return;
	}
	/* STARTED stays set: the next delivery starts over. */
	set_bit(USERBLK_PATIENCE_TOLD, &queue->patience);
	/* A task that took the last request may have missed the bit. */
	if (userblk_patience_is_true(queue))
		userblk_front_tell_waiting(queue->front);
	else
		userblk_patience_again(queue);
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
	/* As in userblk_patience_restart(). */
	smp_mb__after_atomic();
	if (!userblk_queue_has_work(queue) ||
	    test_and_set_bit(0, &queue->expiring))
		return;
	next = oldest + queue->limit;
	queue_delayed_work(userblk_reclaim_wq, &queue->expire,
			   time_after(next, jiffies) ? next - jiffies : 1);
}

void userblk_patience_init(struct userblk_queue *queue)
{
	queue->last_take = jiffies;
	INIT_DELAYED_WORK(&queue->unserved, userblk_unserved_work);
	INIT_DELAYED_WORK(&queue->expire, userblk_expire_work);
}

void userblk_patience_start(struct userblk_queue *queue)
{
	if (userblk_queue_is_dying(queue))
		return;
	if (!test_and_set_bit(USERBLK_PATIENCE_STARTED, &queue->patience)) {
		/* Idle time does not count as waiting. */
		if (time_before(READ_ONCE(queue->last_take), jiffies))
			WRITE_ONCE(queue->last_take, jiffies);
		schedule_delayed_work(&queue->unserved,
				      USERBLK_PATIENCE_PERIOD);
	}
	if (queue->limit && !test_and_set_bit(0, &queue->expiring))
		queue_delayed_work(userblk_reclaim_wq, &queue->expire,
				   queue->limit);
}

/* Once per report, by the first caller that finds it. */
void userblk_patience_again(struct userblk_queue *queue)
{
	if (test_and_clear_bit(USERBLK_PATIENCE_TOLD, &queue->patience))
		userblk_patience_restart(queue);
}

void userblk_patience_stop(struct userblk_queue *queue)
{
	cancel_delayed_work_sync(&queue->unserved);
	cancel_delayed_work_sync(&queue->expire);
}

void userblk_queue_kick(struct userblk_hwq *hwq)
{
	userblk_wake(&hwq->queue->waiters, hwq->index);
	userblk_patience_arm(hwq->queue);
}
