// SPDX-License-Identifier: GPL-2.0
#include "wake.h"

#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

int userblk_waiters_init(struct userblk_waiters *waiters, unsigned int count)
{
	unsigned int i;

	waiters->places = kvcalloc(count, sizeof(*waiters->places), GFP_KERNEL);
	if (!waiters->places)
		return -ENOMEM;
	waiters->count = count;
	for (i = 0; i < count; i++)
		init_waitqueue_head(&waiters->places[i].wait);
	init_waitqueue_head(&waiters->pollers);
	return 0;
}

void userblk_waiters_destroy(struct userblk_waiters *waiters)
{
	kvfree(waiters->places);
	waiters->places = NULL;
}

/* Is the wake-up for something that this waiter waits for? */
static int userblk_waiter_wake(wait_queue_entry_t *entry, unsigned int mode,
			       int flags, void *key)
{
	struct userblk_waiter *waiter =
		container_of(entry, struct userblk_waiter, entry);

	if (key_to_poll(key) == EPOLLPRI && !waiter->watch)
		return 0;
	return autoremove_wake_function(entry, mode, flags, key);
}

void userblk_waiter_add(struct userblk_waiter *waiter,
			struct userblk_wait_place *place, const void *owner,
			bool watch)
{
	unsigned long flags;

	waiter->place = place;
	waiter->owner = owner;
	waiter->watch = watch;
	init_wait(&waiter->entry);
	waiter->entry.func = userblk_waiter_wake;
	spin_lock_irqsave(&place->wait.lock, flags);
	/* At the head: the latest waiter is woken first. */
	__add_wait_queue_exclusive(&place->wait, &waiter->entry);
	set_current_state(TASK_INTERRUPTIBLE);
	spin_unlock_irqrestore(&place->wait.lock, flags);
}

void userblk_waiter_remove(struct userblk_waiter *waiter)
{
	finish_wait(&waiter->place->wait, &waiter->entry);
	/* A waker that still saw us relies on us to look again. */
	smp_mb();
}

/* From this hardware queue on, wrapping around. False if nobody waits inside. */
static bool userblk_wake_waiter(struct userblk_waiters *waiters,
				unsigned int at)
{
	unsigned int i;

	for (i = 0; i < waiters->count; i++) {
		struct wait_queue_head *wait = &waiters->places[at].wait;

		/* The caller has issued the barrier. */
		if (waitqueue_active(wait)) {
			wake_up_poll(wait, EPOLLIN | EPOLLRDNORM);
			return true;
		}
		if (++at == waiters->count)
			at = 0;
	}
	return false;
}

void userblk_wake(struct userblk_waiters *waiters, unsigned int index)
{
	/* Orders adding requests before looking for waiters. */
	smp_mb();
	if (userblk_wake_waiter(waiters, index))
		return;
	/* The barrier is above. */
	if (waitqueue_active(&waiters->pollers))
		wake_up_poll(&waiters->pollers, EPOLLIN | EPOLLRDNORM);
}

void userblk_wake_all(struct userblk_waiters *waiters, __poll_t events)
{
	unsigned int i;

	for (i = 0; i < waiters->count; i++)
		__wake_up(&waiters->places[i].wait, TASK_NORMAL, 0,
			  poll_to_key(events));
	__wake_up(&waiters->pollers, TASK_NORMAL, 0, poll_to_key(events));
}

/* The lock is taken even if nobody waits: it orders the caller's writes. */
static void userblk_wake_owner_at(struct wait_queue_head *wait,
				  const void *owner)
{
	struct userblk_waiter *waiter, *next;
	unsigned long flags;

	spin_lock_irqsave(&wait->lock, flags);
	list_for_each_entry_safe(waiter, next, &wait->head, entry.entry)
		if (waiter->owner == owner)
			autoremove_wake_function(&waiter->entry, TASK_NORMAL,
						 0, NULL);
	spin_unlock_irqrestore(&wait->lock, flags);
}

void userblk_wake_owner(struct userblk_waiters *waiters, const void *owner)
{
	unsigned int i;

	for (i = 0; i < waiters->count; i++)
		userblk_wake_owner_at(&waiters->places[i].wait, owner);
}
