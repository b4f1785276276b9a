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

#include <linux/cache.h>
#include <linux/wait.h>

/**
 * struct userblk_wait_place - where to wait for one hardware queue
 * @wait: those who wait inside GET and SERVE
 */
struct userblk_wait_place {
	wait_queue_head_t wait;
} ____cacheline_aligned_in_smp;

/**
 * struct userblk_waiters - who waits for the requests of one device
 * @places: @count of them, one for each hardware queue; constant
 * @count: how many
 * @pollers: those who poll the control node
 */
struct userblk_waiters {
	struct userblk_wait_place *places;
	unsigned int count;
	wait_queue_head_t pollers;
};

/**
 * struct userblk_waiter - one who waits inside GET or SERVE
 * @entry: in the wait queue of @place
 * @place: where it waits
 * @watch: it wants to hear of the dead, too
 */
struct userblk_waiter {
	wait_queue_entry_t entry;
	struct userblk_wait_place *place;
	bool watch;
};

/* 0 or -ENOMEM. */
int userblk_waiters_init(struct userblk_waiters *waiters, unsigned int count);
/* Also of what is zeroed. Nobody waits. */
void userblk_waiters_destroy(struct userblk_waiters *waiters);

/* After add the task is TASK_INTERRUPTIBLE: look once more, then schedule. */
void userblk_waiter_add(struct userblk_waiter *waiter,
			struct userblk_wait_place *place, bool watch);
void userblk_waiter_remove(struct userblk_waiter *waiter);

/* Requests were added to the hardware queue at this index; from any context. */
void userblk_wake(struct userblk_waiters *waiters, unsigned int index);

/* What it is about concerns all who wait. */
void userblk_wake_all(struct userblk_waiters *waiters, __poll_t events);

#endif /* USERBLK_WAKE_H */
