/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The caller of a verb: an open file of a control node, and the process that
 * used it last.
 */
#ifndef USERBLK_CALLER_H
#define USERBLK_CALLER_H

#include <linux/spinlock.h>

#include "queue.h"

/**
 * struct userblk_caller - one open file of a control node
 * @queue: of the device, to which the file holds a reference; constant
 * @lock: protects @taker and @wakes; nothing sleeps under it
 * @taker: of the process that used this file last, with a reference; saves the
 *	lookup
 * @turn: counts looks for requests; unlocked, since a lost update does no harm
 * @spin_ns: how long a GET with USERBLK_GET_SPIN spins before it sleeps;
 *	unlocked likewise
 * @wakes: waits that a WAKE ends and that have not ended yet, or
 *	USERBLK_WAKE_ALL; read anywhere
 */
struct userblk_caller {
	struct userblk_queue *queue;
	spinlock_t lock; /* taker, wakes */
	struct userblk_taker *taker;
	u32 turn;
	u32 spin_ns;
	u32 wakes;
};

/* For a file that is being opened. ERR_PTR(-ENOMEM) on failure. */
struct userblk_caller *userblk_caller_create(struct userblk_queue *queue);
/* The file is closed. */
void userblk_caller_destroy(struct userblk_caller *caller);

/* Slow path of userblk_caller_taker(): another process used the file last. */
struct userblk_taker *userblk_caller_find_taker(struct userblk_caller *caller);

/*
 * The current process's taker, or ERR_PTR(-ENOMEM). Valid for the whole call:
 * the queue's list holds it while its process lives.
 */
static inline struct userblk_taker *
userblk_caller_taker(struct userblk_caller *caller)
{
	struct userblk_taker *taker;
	bool found;

	spin_lock(&caller->lock);
	taker = caller->taker;
	found = taker && userblk_taker_is_current(taker);
	spin_unlock(&caller->lock);
	return likely(found) ? taker : userblk_caller_find_taker(caller);
}

/* Ends count waits on this file, see USERBLK_WAKE. */
void userblk_caller_wake(struct userblk_caller *caller, u32 count);

/* Slow path of userblk_caller_is_woken(). */
bool userblk_caller_use_wake(struct userblk_caller *caller);

/* Does a WAKE end the wait of the current task, which is among the waiters? */
static inline bool userblk_caller_is_woken(struct userblk_caller *caller)
{
	return unlikely(READ_ONCE(caller->wakes)) &&
	       userblk_caller_use_wake(caller);
}

#endif /* USERBLK_CALLER_H */
