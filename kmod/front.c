// SPDX-License-Identifier: GPL-2.0
#include "front.h"

#include <linux/kobject.h>
#include <linux/sched/mm.h>

void userblk_front_init(struct userblk_front *front,
			const struct userblk_front_ops *ops)
{
	front->ops = ops;
	spin_lock_init(&front->lock);
}

/* ----------------------------------------------------------------- life */

void userblk_front_set_live(struct userblk_front *front)
{
	spin_lock(&front->lock);
	front->state = USERBLK_FRONT_LIVE;
	if (userblk_front_is_served(front))
		front->ops->served(front, front->size);
	spin_unlock(&front->lock);
}

bool userblk_front_is_live(struct userblk_front *front, u64 *size)
{
	bool live;

	spin_lock(&front->lock);
	live = front->state == USERBLK_FRONT_LIVE;
	*size = front->size;
	spin_unlock(&front->lock);
	return live;
}

int userblk_front_begin_removal(struct userblk_front *front, bool force)
{
	int err = 0;

	spin_lock(&front->lock);
	if (front->state != USERBLK_FRONT_LIVE)
		err = -ENODEV;
	else if (front->openers && !force)
		err = -EBUSY;
	else
		front->state = USERBLK_FRONT_REMOVING;
	spin_unlock(&front->lock);
	return err;
}

int userblk_front_open(struct userblk_front *front)
{
	int err = 0;

	spin_lock(&front->lock);
	if (front->state == USERBLK_FRONT_REMOVING) {
		err = -ENXIO;
	} else {
		front->openers++;
		get_device(front->node);
	}
	spin_unlock(&front->lock);
	return err;
}

void userblk_front_close(struct userblk_front *front)
{
	spin_lock(&front->lock);
	front->openers--;
	spin_unlock(&front->lock);
	put_device(front->node);
}

/* ----------------------------------------------------------------- size */

int userblk_front_resize(struct userblk_front *front, u64 size)
{
	enum userblk_front_state state;

	spin_lock(&front->lock);
	state = front->state;
	if (state == USERBLK_FRONT_LIVE) {
		if (userblk_front_is_served(front) && front->size != size)
			front->ops->resize(front, size);
		front->size = size;
	}
	spin_unlock(&front->lock);
	if (state == USERBLK_FRONT_NEW)
		return -EBUSY;
	return state == USERBLK_FRONT_LIVE ? 0 : -ENODEV;
}

void userblk_front_first_get(struct userblk_front *front)
{
	spin_lock(&front->lock);
	if (!userblk_front_is_served(front)) {
		if (front->state == USERBLK_FRONT_LIVE)
			front->ops->served(front, front->size);
		/* A reader that sees the bit sees the size. */
		smp_mb__before_atomic();
		set_bit(0, &front->served);
	}
	spin_unlock(&front->lock);
}

/* --------------------------------------------------------------- uevents */

void userblk_event(struct device *device, char *env)
{
	unsigned int noio = memalloc_noio_save();
	char *envp[2] = {};

	envp[0] = env;
	/* Reclaim must not do I/O: it could wait for this very device. */
	kobject_uevent_env(&device->kobj, KOBJ_CHANGE, envp);
	memalloc_noio_restore(noio);
}

void userblk_front_tell_served(struct userblk_front *front)
{
	userblk_event(front->node, "USERBLK_EVENT=served");
}

void userblk_front_tell_waiting(struct userblk_front *front)
{
	userblk_event(front->node, "USERBLK_EVENT=waiting");
	if (front->ops->waiting)
		front->ops->waiting(front);
}
