/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A taker is a process image that took requests from a device. It is
 * responsible for them until it is dead. An image is dead when nothing of it
 * can act: all threads of the process have exited, reaped or not, or the
 * process has exec'ed.
 *
 * A device's takers are on one list, and stay there while their process lives
 * or they hold requests. A process finds its taker in the list, so nothing is
 * registered. References: one of the list, one of each open control file that
 * caches the taker. Freed by RCU, since a RESET may look at the taker of a slot
 * that has just ended.
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
 * @lock: protects @list
 * @list: of struct userblk_taker
 * @dead: takers marked dead and still in the list; if 0, nobody has to look
 * @last_alive: when a taker was last known to live; boot time in ns
 * @died: called once for each taker when it is found dead, with requests or
 *	without; must not sleep, and may run under tasklist_lock; constant
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
 * @exec_id: self_exec_id of the image
 * @dead: found dead; set once
 * @died: when that was; monotonic time in ns, 0 before
 * @takers: the device's; they outlive it
 * @death: entry in the wait queue of @pid
 * @node: in userblk_takers.list
 * @rcu: for freeing it
 */
struct userblk_taker {
	refcount_t refs;
	atomic_t taken;
	struct pid *pid;
	u64 exec_id;
	unsigned long dead;
	atomic64_t died;
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

/* The number of living takers. If 0, *unserved_ns is for how long. */
u32 userblk_takers_living(struct userblk_takers *takers, u64 *unserved_ns);

/* Does a dead taker hold requests? */
static inline bool userblk_takers_orphans(struct userblk_takers *takers)
{
	return unlikely(atomic_read(&takers->dead)) &&
	       userblk_takers_look_for_orphans(takers);
}

/*
 * The current process's taker, created if there is none, with a reference for
 * the caller. May sleep, but not for I/O. ERR_PTR(-ENOMEM) on failure.
 */
struct userblk_taker *userblk_taker_get(struct userblk_takers *takers);
void userblk_taker_put(struct userblk_taker *taker);

/* count slots no longer point to the taker. */
static inline void userblk_taker_let_go(struct userblk_taker *taker, int count)
{
	/* At 0 the taker may be freed, so the pointers must be cleared before. */
	smp_mb__before_atomic();
	atomic_sub(count, &taker->taken);
}

static inline bool userblk_taker_is_current(const struct userblk_taker *taker)
{
	return taker->pid == task_tgid(current) &&
	       taker->exec_id == current->self_exec_id;
}

/* Only looks; does not mark the taker. */
bool userblk_taker_is_dead(const struct userblk_taker *taker);

/* For how long it has been marked dead; 0 if it is not. */
u64 userblk_taker_dead_ns(const struct userblk_taker *taker);

/* Marks those that have died unnoticed: images that were left by exec. */
void userblk_takers_note_dead(struct userblk_takers *takers);

/* The current process is in exec and past the point of no return. */
void userblk_taker_exec(struct userblk_takers *takers);

#endif /* USERBLK_TAKER_H */
