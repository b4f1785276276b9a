// SPDX-License-Identifier: GPL-2.0
#include "caller.h"

#include <linux/slab.h>

struct userblk_caller *userblk_caller_create(struct userblk_queue *queue)
{
	struct userblk_caller *caller = kzalloc(sizeof(*caller), GFP_KERNEL);

	if (!caller)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&caller->lock);
	caller->queue = queue;
	return caller;
}

void userblk_caller_destroy(struct userblk_caller *caller)
{
	if (caller->taker)
		userblk_taker_put(caller->taker);
	kfree(caller);
}

struct userblk_taker *userblk_caller_find_taker(struct userblk_caller *caller)
{
	struct userblk_taker *taker, *old;

	taker = userblk_taker_get(&caller->queue->takers);
	if (IS_ERR(taker))
		return taker;
	spin_lock(&caller->lock);
	old = caller->taker;
	caller->taker = taker;
	spin_unlock(&caller->lock);
	if (old)
		userblk_taker_put(old);
	return taker;
}

void userblk_caller_wake(struct userblk_caller *caller, u32 count)
{
	spin_lock(&caller->lock);
	WRITE_ONCE(caller->wakes, count ? max(caller->wakes, count) : 0);
	spin_unlock(&caller->lock);
	/* Some too many may be woken; they find nothing, and wait again. */
	if (count)
		userblk_wake_owner(&caller->queue->waiters, caller);
}

bool userblk_caller_use_wake(struct userblk_caller *caller)
{
	u32 wakes;

	spin_lock(&caller->lock);
	wakes = caller->wakes;
	if (wakes && wakes != USERBLK_WAKE_ALL)
		WRITE_ONCE(caller->wakes, wakes - 1);
	spin_unlock(&caller->lock);
	return wakes;
}
