/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Waiting for requests, and waking for them. A task inside GET or SERVE waits
 * at one hardware queue. A burst of requests wakes one task: at its own
 * hardware queue if possible, and there the latest waiter, so that the others
 * stay idle. Pollers are woken, all of them, when nobody waits inside.
 *
 * A woken task that leaves requests behind passes the wake-up on. A waker adds
 * its requests before it looks for waiters, and a waiter adds itself before it
 * looks for requests, each with a full barrier in between.
 */
#ifndef USERBLK_WAKE_H
#define USERBLK_WAKE_H

#include <linux/cache.h>
#include <linux/wait.h>

/**
 * struct userblk_wait_place - where to wait for one hardware queue
 * @wait: tasks that wait inside GET and SERVE
 */
struct userblk_wait_place {
	wait_queue_head_t wait;
} ____cacheline_aligned_in_smp;

/**
 * struct userblk_waiters - tasks that wait for the requests of one device
 * @places: @count of them, one for each hardware queue; constant
 * @count: how many
 * @pollers: tasks that poll the control node
 */
struct userblk_waiters {
	struct userblk_wait_place *places;
	unsigned int count;
	wait_queue_head_t pollers;
};

/**
 * struct userblk_waiter - a task that waits inside GET or SERVE
 * @entry: in the wait queue of @place
 * @place: where it waits
 * @owner: what it waits for the sake of; see userblk_wake_owner()
 * @watch: wake it for deaths of takers, too
 */
struct userblk_waiter {
	wait_queue_entry_t entry;
	struct userblk_wait_place *place;
	const void *owner;
	bool watch;
};

/* 0 or -ENOMEM. */
int userblk_waiters_init(struct userblk_waiters *waiters, unsigned int count);
/* Nobody waits. A zeroed structure is fine, too. */
void userblk_waiters_destroy(struct userblk_waiters *waiters);

/* After add the task is TASK_INTERRUPTIBLE: look once more, then schedule. */
void userblk_waiter_add(struct userblk_waiter *waiter,
			struct userblk_wait_place *place, const void *owner,
			bool watch);
void userblk_waiter_remove(struct userblk_waiter *waiter);

/* Requests were added to the hardware queue at this index. Any context. */
void userblk_wake(struct userblk_waiters *waiters, unsigned int index);

/* Wakes all waiters and pollers for events that concern all of them. */
void userblk_wake_all(struct userblk_waiters *waiters, __poll_t events);

/*
 * Wakes the waiters with this owner. What the caller wrote before is visible to
 * those that add themselves later.
 */
void userblk_wake_owner(struct userblk_waiters *waiters, const void *owner);

#endif /* USERBLK_WAKE_H */
