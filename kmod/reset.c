// SPDX-License-Identifier: GPL-2.0
#include "reset.h"

#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/uaccess.h>

#include "recovery.h"
#include "trace.h"

static bool userblk_reset_dead(struct userblk_slot *slot, u32 generation,
			       const void *arg)
{
	struct userblk_taker *taker = rcu_dereference(slot->taker);

	/* NULL: it was answered just now. */
	return taker && userblk_taker_is_dead(taker);
}

/* A pid object keeps its numbers after the process is gone. */
static bool userblk_reset_pid(struct userblk_slot *slot, u32 generation,
			      const void *arg)
{
	struct userblk_taker *taker = rcu_dereference(slot->taker);
	const struct userblk_reset *reset = arg;

	return taker && pid_vnr(taker->pid) == reset->pid;
}

static bool userblk_reset_older(struct userblk_slot *slot, u32 generation,
				const void *arg)
{
	const struct userblk_reset *reset = arg;

	return jiffies64_to_nsecs(jiffies - READ_ONCE(slot->since)) >= reset->age_ns;
}

static bool userblk_reset_all(struct userblk_slot *slot, u32 generation,
			      const void *arg)
{
	return true;
}

static const userblk_match userblk_reset_matches[] = {
	[USERBLK_RESET_DEAD] = userblk_reset_dead,
	[USERBLK_RESET_PID] = userblk_reset_pid,
	[USERBLK_RESET_OLDER] = userblk_reset_older,
	[USERBLK_RESET_ID] = NULL,	/* looked up */
	[USERBLK_RESET_ALL] = userblk_reset_all,
};

static int userblk_reset_check(const struct userblk_reset *reset)
{
	if (reset->which >= ARRAY_SIZE(userblk_reset_matches) || reset->flags)
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
	struct userblk_reset reset;
	userblk_match match;
	int err;

	if (copy_from_user(&reset, user, sizeof(reset)))
		return -EFAULT;
	err = userblk_reset_check(&reset);
	if (err)
		return err;
	match = userblk_reset_matches[reset.which];
	reset.count = match ? userblk_queue_reset(queue, match, &reset) :
			      userblk_queue_reset_one(queue, reset.id);
	trace_userblk_reset(queue->number, reset.which, reset.count);
	return put_user(reset.count, &user->count) ? -EFAULT : 0;
}
