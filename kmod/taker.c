// SPDX-License-Identifier: GPL-2.0
#include "taker.h"

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

/* A taker lives, or did until now. Any context. */
static void userblk_takers_note_alive(struct userblk_takers *takers)
{
	atomic64_set(&takers->last_alive, ktime_get_boottime_ns());
}

void userblk_takers_init(struct userblk_takers *takers,
			 void (*died)(struct userblk_takers *takers,
				      bool holds))
{
	spin_lock_init(&takers->lock);
	INIT_LIST_HEAD(&takers->list);
	atomic_set(&takers->dead, 0);
	takers->died = died;
	userblk_takers_note_alive(takers);
}

bool userblk_taker_is_dead(const struct userblk_taker *taker)
{
	struct task_struct *leader;
	bool dead;

	if (test_bit(0, &taker->dead))
		return true;
	rcu_read_lock();
	leader = pid_task(taker->pid, PIDTYPE_TGID);
	dead = !leader ||
	       (READ_ONCE(leader->exit_state) && thread_group_empty(leader)) ||
	       READ_ONCE(leader->self_exec_id) != taker->exec_id;
	rcu_read_unlock();
	return dead;
}

static void userblk_taker_mark_dead(struct userblk_taker *taker)
{
	struct userblk_takers *takers = taker->takers;

	/* Count first: a concurrent reap must not make the count too low. */
	atomic_inc(&takers->dead);
	if (test_and_set_bit(0, &taker->dead)) {
		atomic_dec(&takers->dead);
		return;
	}
	/* Time that the machine sleeps brings no write nearer to its end. */
	atomic64_set(&taker->died, ktime_get_ns());
	userblk_takers_note_alive(takers);
	takers->died(takers, atomic_read(&taker->taken));
}

u64 userblk_taker_dead_ns(const struct userblk_taker *taker)
{
	u64 died = atomic64_read(&taker->died);

	return died ? ktime_get_ns() - died : 0;
}

/* Called when the process exits, under tasklist_lock: may only wake. */
static int userblk_taker_notify(wait_queue_entry_t *entry, unsigned int mode,
				int flags, void *key)
{
	struct userblk_taker *taker =
		container_of(entry, struct userblk_taker, death);

	if (userblk_taker_is_dead(taker))
		userblk_taker_mark_dead(taker);
	return 0;
}

static struct userblk_taker *userblk_taker_alloc(struct userblk_takers *takers)
{
	struct userblk_taker *taker;

	/* Memory reclaim may be waiting for this worker. */
	taker = kzalloc(sizeof(*taker), GFP_NOIO);
	if (!taker)
		return NULL;
	refcount_set(&taker->refs, 1);
	taker->pid = get_pid(task_tgid(current));
	taker->exec_id = current->self_exec_id;
	taker->takers = takers;
	init_waitqueue_func_entry(&taker->death, userblk_taker_notify);
	return taker;
}

static void userblk_taker_free(struct rcu_head *rcu)
{
	struct userblk_taker *taker =
		container_of(rcu, struct userblk_taker, rcu);

	put_pid(taker->pid);
	kfree(taker);
}

/* RCU readers of slot->taker use its pid, too. */
void userblk_taker_put(struct userblk_taker *taker)
{
	if (refcount_dec_and_test(&taker->refs))
		call_rcu(&taker->rcu, userblk_taker_free);
}

/*
 * Removes dead takers that hold nothing from the list. The dead take nothing,
 * so "dead and holds nothing" is final.
 */
static void userblk_takers_reap(struct userblk_takers *takers)
{
	struct userblk_taker *taker, *next;
	LIST_HEAD(gone);

	if (!atomic_read(&takers->dead))
		return;
	spin_lock(&takers->lock);
	list_for_each_entry_safe(taker, next, &takers->list, node) {
		if (test_bit(0, &taker->dead) && !atomic_read(&taker->taken)) {
			list_move(&taker->node, &gone);
			atomic_dec(&takers->dead);
		}
	}
	spin_unlock(&takers->lock);

	list_for_each_entry_safe(taker, next, &gone, node) {
		remove_wait_queue(&taker->pid->wait_pidfd, &taker->death);
		userblk_taker_put(taker);
	}
}

static struct userblk_taker *userblk_taker_find(struct userblk_takers *takers)
{
	struct userblk_taker *taker;

	lockdep_assert_held(&takers->lock);
	list_for_each_entry(taker, &takers->list, node)
		if (userblk_taker_is_current(taker) &&
		    !test_bit(0, &taker->dead))
			return taker;
	return NULL;
}

typedef bool (*userblk_taker_match)(const struct userblk_taker *taker);

/* One that matches and is not marked dead, with a reference; or NULL. */
static struct userblk_taker *
userblk_takers_find(struct userblk_takers *takers, userblk_taker_match match)
{
	struct userblk_taker *taker, *found = NULL;

	spin_lock(&takers->lock);
	list_for_each_entry(taker, &takers->list, node) {
		if (test_bit(0, &taker->dead) || !match(taker))
			continue;
		refcount_inc(&taker->refs);
		found = taker;
		break;
	}
	spin_unlock(&takers->lock);
	return found;
}

static void userblk_takers_mark_dead(struct userblk_takers *takers,
				     userblk_taker_match match)
{
	struct userblk_taker *taker;

	while ((taker = userblk_takers_find(takers, match))) {
		userblk_taker_mark_dead(taker);
		userblk_taker_put(taker);
	}
}

static bool userblk_taker_is_own_image(const struct userblk_taker *taker)
{
	return taker->pid == task_tgid(current);
}

/* The current process has left it by exec. */
static bool userblk_taker_is_former_image(const struct userblk_taker *taker)
{
	return userblk_taker_is_own_image(taker) &&
	       !userblk_taker_is_current(taker);
}

struct userblk_taker *userblk_taker_get(struct userblk_takers *takers)
{
	struct userblk_taker *fresh, *taker;

	userblk_takers_mark_dead(takers, userblk_taker_is_former_image);
	userblk_takers_reap(takers);
	spin_lock(&takers->lock);
	taker = userblk_taker_find(takers);
	if (taker)
		refcount_inc(&taker->refs);
	spin_unlock(&takers->lock);
	if (taker)
		return taker;

	fresh = userblk_taker_alloc(takers);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	spin_lock(&takers->lock);
	taker = userblk_taker_find(takers);
	if (!taker) {
		taker = fresh;
		list_add(&taker->node, &takers->list);
	}
	refcount_inc(&taker->refs);
	spin_unlock(&takers->lock);

	if (taker == fresh) {
		userblk_takers_note_alive(takers);
		add_wait_queue(&taker->pid->wait_pidfd, &taker->death);
	} else {
		userblk_taker_put(fresh);
	}
	return taker;
}

bool userblk_takers_look_for_orphans(struct userblk_takers *takers)
{
	struct userblk_taker *taker;
	bool found = false;

	spin_lock(&takers->lock);
	list_for_each_entry(taker, &takers->list, node) {
		if (test_bit(0, &taker->dead) && atomic_read(&taker->taken)) {
			found = true;
			break;
		}
	}
	spin_unlock(&takers->lock);
	return found;
}

/*
 * An image whose exec went unnoticed does not count as living. It is taken to
 * have lived until the last look that found a living taker.
 */
u32 userblk_takers_living(struct userblk_takers *takers, u64 *unserved_ns)
{
	struct userblk_taker *taker;
	u32 living = 0;
	u64 last;

	spin_lock(&takers->lock);
	list_for_each_entry(taker, &takers->list, node)
		living += !userblk_taker_is_dead(taker);
	spin_unlock(&takers->lock);

	if (living)
		userblk_takers_note_alive(takers);
	last = atomic64_read(&takers->last_alive);
	*unserved_ns = living ? 0 : ktime_get_boottime_ns() - last;
	return living;
}

void userblk_takers_note_dead(struct userblk_takers *takers)
{
	userblk_takers_mark_dead(takers, userblk_taker_is_dead);
}

void userblk_taker_exec(struct userblk_takers *takers)
{
	userblk_takers_mark_dead(takers, userblk_taker_is_own_image);
}

/* Nothing can reach the device. */
void userblk_takers_destroy(struct userblk_takers *takers)
{
	struct userblk_taker *taker, *next;

	list_for_each_entry_safe(taker, next, &takers->list, node) {
		remove_wait_queue(&taker->pid->wait_pidfd, &taker->death);
		userblk_taker_put(taker);
	}
	INIT_LIST_HEAD(&takers->list);
}
