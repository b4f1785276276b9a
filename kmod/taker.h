/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A taker is a process image that took requests from a device: it answers for
 * them until it is dead. Dead is an image of which nothing can act any more:
 * every thread of the process is past exit, reaped or not, or it has exec'ed.
 *
 * Takers of a device are in one list and stay there while their process lives
 * or anything of theirs is taken. A process finds its own again, so nothing is
 * registered. References: one of the list, one of each open control file that
 * remembers it. Freed by RCU, since a RESET may look at the taker of a slot
 * that just ended.
 */
#ifndef USERBLK_TAKER_H
#define USERBLK_TAKER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/pid.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/**
 * struct userblk_takers - the takers of one device
 * @lock: of the list
 * @list: of struct userblk_taker
 * @dead: takers seen dead that are still in the list; says whether to look
 * @last_alive: when the last one that is known of lived; ktime of boot, in ns
 * @died: one of them is dead from now on, with requests or without. Called once
 *	for each, where nothing can sleep, maybe under tasklist_lock; constant
 */
struct userblk_takers {
	spinlock_t lock;	/* list */
	struct list_head list;
	atomic_t dead;
	atomic64_t last_alive;
	void (*died)(struct userblk_takers *takers, bool holds);
};

/**
 * struct userblk_taker - one process image that took requests
 * @refs: see above
 * @taken: requests that it holds now
 * @pid: the process
 * @exec_id: which of its images
 * @dead: seen dead; set once
 * @takers: of the device; they outlive it
 * @death: entry in the wait queue of @pid
 * @node: in userblk_takers.list
 * @rcu: to be freed
 */
struct userblk_taker {
	refcount_t refs;
	atomic_t taken;
	struct pid *pid;
	u64 exec_id;
	unsigned long dead;
	struct userblk_takers *takers;
	wait_queue_entry_t death;
	struct list_head node;
	struct rcu_head rcu;
};

void userblk_takers_init(struct userblk_takers *takers,
			 void (*died)(struct userblk_takers *takers,
				      bool holds));
void userblk_takers_destroy(struct userblk_takers *takers);

bool userblk_takers_look_for_orphans(struct userblk_takers *takers);

/* How many live; with none, *unserved_ns is how long that has been so. */
u32 userblk_takers_living(struct userblk_takers *takers, u64 *unserved_ns);

/* Does a dead one hold requests? */
static inline bool userblk_takers_orphans(struct userblk_takers *takers)
{
	return unlikely(atomic_read(&takers->dead)) &&
	       userblk_takers_look_for_orphans(takers);
}

/*
 * The taker that is the current process, made if there is none, with a
 * reference for the caller. May sleep, but not for I/O. ERR_PTR(-ENOMEM).
 */
struct userblk_taker *userblk_taker_get(struct userblk_takers *takers);
void userblk_taker_put(struct userblk_taker *taker);

/* So many slots do not point to it any more. */
static inline void userblk_taker_let_go(struct userblk_taker *taker, int count)
{
	/* With the last one it may be freed, after those who look at it now. */
	smp_mb__before_atomic();
	atomic_sub(count, &taker->taken);
}

static inline bool userblk_taker_is_current(const struct userblk_taker *taker)
{
	return taker->pid == task_tgid(current) &&
	       taker->exec_id == current->self_exec_id;
}

/* Looks, and changes nothing. */
bool userblk_taker_is_dead(const struct userblk_taker *taker);

/* The current process is in exec and past the point of no return. */
void userblk_taker_exec(struct userblk_takers *takers);

#endif /* USERBLK_TAKER_H */
