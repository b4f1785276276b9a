// SPDX-License-Identifier: GPL-2.0
#include "wake.h"

#include <linux/poll.h>
#include <linux/sched.h>

/* Is the wake-up about something that this waiter waits for? */
static int userblk_waiter_wake(wait_queue_entry_t *entry, unsigned int mode,
			       int flags, void *key)
{
	struct userblk_waiter *waiter =
		container_of(entry, struct userblk_waiter, entry);

	if (key_to_poll(key) == EPOLLPRI && !waiter->watch)
		return 0;
	return autoremove_wake_function(entry, mode, flags, key);
}

void userblk_waiter_add(struct userblk_waiter *waiter, struct userblk_hwq *hwq,
			bool watch)
{
	unsigned long flags;

	waiter->hwq = hwq;
	waiter->watch = watch;
	init_wait(&waiter->entry);
	waiter->entry.func = userblk_waiter_wake;
	spin_lock_irqsave(&hwq->wait.lock, flags);
	/* At the head: who came last is woken first. */
	__add_wait_queue_exclusive(&hwq->wait, &waiter->entry);
	set_current_state(TASK_INTERRUPTIBLE);
	spin_unlock_irqrestore(&hwq->wait.lock, flags);
}

void userblk_waiter_remove(struct userblk_waiter *waiter)
{
	finish_wait(&waiter->hwq->wait, &waiter->entry);
	/* A waker that still saw us here relies on our looking again. */
	smp_mb();
}

/* From the given one on in a circle; false if nobody waits inside. */
static bool userblk_wake_waiter(struct userblk_hwq *hwq)
{
	struct userblk_queue *queue = hwq->queue;
	unsigned int i, at = hwq->index;

	for (i = 0; i < queue->nr_hwqs; i++) {
		struct wait_queue_head *wait = &queue->hwqs[at].wait;

		/* The caller has issued the barrier. */
		if (waitqueue_active(wait)) {
			wake_up_poll(wait, EPOLLIN | EPOLLRDNORM);
			return true;
		}
		if (++at == queue->nr_hwqs)
			at = 0;
	}
	return false;
}

void userblk_wake(struct userblk_hwq *hwq)
{
	struct userblk_queue *queue = hwq->queue;

	/* Between the adding of requests and every look for those who wait. */
	smp_mb();
	if (userblk_wake_waiter(hwq))
		return;
	/* The barrier is above. */
	if (waitqueue_active(&queue->pollers))
		wake_up_poll(&queue->pollers, EPOLLIN | EPOLLRDNORM);
}

void userblk_wake_all(struct userblk_queue *queue, __poll_t events)
{
	unsigned int i;

	for (i = 0; i < queue->nr_hwqs; i++)
		__wake_up(&queue->hwqs[i].wait, TASK_NORMAL, 0,
			  poll_to_key(events));
	__wake_up(&queue->pollers, TASK_NORMAL, 0, poll_to_key(events));
}
