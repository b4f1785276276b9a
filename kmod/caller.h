/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who calls: an open file of a control node, and the process that used it last.
 * What a verb is told of beside its arguments.
 */
#ifndef USERBLK_CALLER_H
#define USERBLK_CALLER_H

#include <linux/spinlock.h>

#include "queue.h"

/**
 * struct userblk_caller - one open file of a control node
 * @queue: of the device, to which the file holds a reference; constant
 * @lock: protects @taker; held for nothing that sleeps
 * @taker: the process that used this file last, with a reference; saves
 *	looking it up
 * @turn: counts looks for requests; unlocked, since nothing depends on it
 * @spin_ns: how long a GET that may spins before it sleeps; unlocked likewise
 */
struct userblk_caller {
	struct userblk_queue *queue;
	spinlock_t lock; /* taker */
	struct userblk_taker *taker;
	u32 turn;
	u32 spin_ns;
};

/* For a file that is being opened; or ERR_PTR(-ENOMEM). */
struct userblk_caller *userblk_caller_create(struct userblk_queue *queue);
/* The file is closed. */
void userblk_caller_destroy(struct userblk_caller *caller);

/* The same as the next one, for a process that was not the last one here. */
struct userblk_taker *userblk_caller_find_taker(struct userblk_caller *caller);

/*
 * The taker that is the current process. Stays valid while the process is in
 * this call: the queue's list holds it as long as its process lives.
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

#endif /* USERBLK_CALLER_H */
