// SPDX-License-Identifier: GPL-2.0
#include "reset.h"

#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/uaccess.h>

#include "recovery.h"
#include "trace.h"

typedef bool (*userblk_reset_selects)(struct userblk_slot *slot,
				      const struct userblk_reset *reset);

/**
 * struct userblk_reset_call - a RESET in progress
 * @reset: its argument
 * @selects: does it mean this request?
 * @wait_ns: how long takers must have been dead; 0: the caller answers for them
 * @refused: requests that it means, and whose takers have not been
 */
struct userblk_reset_call {
	const struct userblk_reset *reset;
	userblk_reset_selects selects;
	u64 wait_ns;
	unsigned int refused;
};

static bool userblk_reset_dead(struct userblk_slot *slot,
			       const struct userblk_reset *reset)
{
	struct userblk_taker *taker = rcu_dereference(slot->taker);

	/* NULL: it was answered just now. */
	return taker && userblk_taker_is_dead(taker);
}

/* A pid object keeps its numbers after the process is gone. */
static bool userblk_reset_pid(struct userblk_slot *slot,
			      const struct userblk_reset *reset)
{
	struct userblk_taker *taker = rcu_dereference(slot->taker);

	return taker && pid_vnr(taker->pid) == reset->pid;
}

static bool userblk_reset_older(struct userblk_slot *slot,
				const struct userblk_reset *reset)
{
	return jiffies64_to_nsecs(jiffies - READ_ONCE(slot->since)) >= reset->age_ns;
}

static bool userblk_reset_any(struct userblk_slot *slot,
			      const struct userblk_reset *reset)
{
	return true;
}

static const userblk_reset_selects userblk_reset_selectors[] = {
	[USERBLK_RESET_DEAD] = userblk_reset_dead,
	[USERBLK_RESET_PID] = userblk_reset_pid,
	[USERBLK_RESET_OLDER] = userblk_reset_older,
	[USERBLK_RESET_ID] = userblk_reset_any,	/* looked up */
	[USERBLK_RESET_ALL] = userblk_reset_any,
};

/* 0: no matter for how long; U64_MAX: they never are for long enough. */
static u64 userblk_reset_wait_ns(const struct userblk_queue *queue, u32 flags)
{
	if (queue->store_class == USERBLK_STORE_PROCESS ||
	    flags & USERBLK_RESET_FORCED)
		return 0;
	if (queue->store_class == USERBLK_STORE_FENCED)
		return flags & USERBLK_RESET_FENCED ? 0 : U64_MAX;
	return queue->store_wait_ns ?: U64_MAX;
}

static bool userblk_reset_match(struct userblk_slot *slot, u32 generation,
				void *arg)
{
	struct userblk_reset_call *call = arg;
	struct userblk_taker *taker = rcu_dereference(slot->taker);

	if (!call->selects(slot, call->reset))
		return false;
	/* NULL: it was answered just now. */
	if (!taker || userblk_taker_dead_ns(taker) >= call->wait_ns)
		return true;
	call->refused++;
	return false;
}

static int userblk_reset_check(const struct userblk_reset *reset)
{
	if (reset->which >= ARRAY_SIZE(userblk_reset_selectors) ||
	    reset->flags & ~(USERBLK_RESET_FENCED | USERBLK_RESET_FORCED))
		return -EINVAL;
	if (reset->id && reset->which != USERBLK_RESET_ID)
		return -EINVAL;
	if (reset->age_ns && reset->which != USERBLK_RESET_OLDER)
		return -EINVAL;
	if (reset->which == USERBLK_RESET_PID ? reset->pid <= 0 : reset->pid)
		return -EINVAL;
	return 0;
}

long userblk_reset(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_queue *queue = caller->queue;
	struct userblk_reset __user *user = arg;
	struct userblk_reset_call call = {};
	struct userblk_reset reset;
	int err;

	if (copy_from_user(&reset, user, sizeof(reset)))
		return -EFAULT;
	err = userblk_reset_check(&reset);
	if (err)
		return err;
	call.reset = &reset;
	call.selects = userblk_reset_selectors[reset.which];
	call.wait_ns = userblk_reset_wait_ns(queue, reset.flags);
	if (call.wait_ns)
		userblk_takers_note_dead(&queue->takers);
	if (reset.which == USERBLK_RESET_ID)
		reset.count = userblk_queue_reset_one(queue, reset.id,
						      userblk_reset_match,
						      &call);
	else
		reset.count = userblk_queue_reset(queue, userblk_reset_match,
						  &call);
	trace_userblk_reset(queue->number, reset.which, reset.count);
	if (call.refused && !reset.count)
		return -EOWNERDEAD;
	return put_user(reset.count, &user->count) ? -EFAULT : 0;
}
