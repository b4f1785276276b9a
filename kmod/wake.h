/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who waits for requests, and who is woken for one. Those who wait inside GET
 * and SERVE do so at one hardware queue each, and one of them is woken for one
 * burst of requests: of the queue where they came in if possible, and the one
 * that waits there for the shortest time, so that the others stay idle. Those
 * who poll are woken, all of them, when nobody waits inside.
 *
 * Whoever was woken and leaves requests behind passes the wake-up on. A waker
 * adds its request, and a waiter itself, before looking for the other, with a
 * full barrier between.
 */
#ifndef USERBLK_WAKE_H
#define USERBLK_WAKE_H

#include <linux/wait.h>

#include "queue.h"

/**
 * struct userblk_waiter - one who waits inside GET or SERVE
 * @entry: in @hwq->wait
 * @hwq: where it waits
 * @watch: it wants to hear of the dead, too
 */
struct userblk_waiter {
	wait_queue_entry_t entry;
	struct userblk_hwq *hwq;
	bool watch;
};

/* After add the task is TASK_INTERRUPTIBLE: look once more, then schedule. */
void userblk_waiter_add(struct userblk_waiter *waiter, struct userblk_hwq *hwq,
			bool watch);
void userblk_waiter_remove(struct userblk_waiter *waiter);

/* Requests were added to the hardware queue. */
void userblk_wake(struct userblk_hwq *hwq);

/* Wakes somebody for what is queued, if anything is; from any context. */
static inline void userblk_wake_for_rest(struct userblk_queue *queue)
{
	struct userblk_hwq *hwq = userblk_queue_ready(queue);

	if (unlikely(hwq))
		userblk_wake(hwq);
}

/* What it is about concerns all who wait. */
void userblk_wake_all(struct userblk_queue *queue, __poll_t events);

#endif /* USERBLK_WAKE_H */
