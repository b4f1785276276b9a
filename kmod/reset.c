// SPDX-License-Identifier: GPL-2.0
#include "reset.h"

#include <linux/jiffies.h>
#include <linux/pid.h>
#include <linux/uaccess.h>

#include "trace.h"

typedef bool (*userblk_match)(struct userblk_slot *slot, u32 generation,
			      const void *arg);

static bool userblk_reset_dead(struct userblk_slot *slot, u32 generation,
			       const void *arg)
{
	return userblk_taker_is_dead(slot->taker);
}

/* A pid object keeps its numbers after the process is gone. */
static bool userblk_reset_pid(struct userblk_slot *slot, u32 generation,
			      const void *arg)
{
	const struct userblk_reset *reset = arg;

	return pid_vnr(slot->taker->pid) == reset->pid;
}

static bool userblk_reset_older(struct userblk_slot *slot, u32 generation,
				const void *arg)
{
	const struct userblk_reset *reset = arg;

	return jiffies64_to_nsecs(jiffies - slot->since) >= reset->age_ns;
}

static bool userblk_reset_id(struct userblk_slot *slot, u32 generation,
			     const void *arg)
{
	const struct userblk_reset *reset = arg;

	return userblk_slot_id(slot, generation) == reset->id;
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
	[USERBLK_RESET_ID] = userblk_reset_id,
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

long userblk_reset(struct userblk_node *node, void __user *arg)
{
	struct userblk_queue *queue = &node->device->queue;
	struct userblk_reset __user *user = arg;
	struct userblk_reset reset;
	int err;

	if (copy_from_user(&reset, user, sizeof(reset)))
		return -EFAULT;
	err = userblk_reset_check(&reset);
	if (err)
		return err;
	reset.count = userblk_queue_reset(queue,
					  userblk_reset_matches[reset.which],
					  &reset);
	trace_userblk_reset(queue->number, reset.which, reset.count);
	return put_user(reset.count, &user->count) ? -EFAULT : 0;
}
