/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A device: a queue with a front end before it and a control node behind it,
 * created and removed together. Only the creator knows the kind of front end.
 *
 * The memory stays until the last reference is dropped, see node.h; the states
 * are the front end's, see front.h. Removal stops the queue's timers, and so
 * does the final release.
 */
#ifndef USERBLK_DEVICE_H
#define USERBLK_DEVICE_H

#include "config.h"
#include "node.h"
#include "queue.h"

/**
 * struct userblk_device - one device
 * @node: the control node; its reference count is the device's
 * @settings: constant once in the registry, except the numbers of queues and
 *	slots, which the front end's shape() settles before the queue is
 *	initialised
 * @queue: requests
 */
struct userblk_device {
	struct userblk_node node;
	struct userblk_settings settings;
	struct userblk_queue queue;
};

static inline struct userblk_device *
userblk_device_of(struct userblk_node *node)
{
	return container_of(node, struct userblk_device, node);
}

/*
 * Creates a device from a validated config and writes the values in force back
 * to it. The device takes over the front end, even on failure. Returns the
 * device with a reference for the caller, or an ERR_PTR(). Waits for no worker.
 */
struct userblk_device *userblk_device_create(struct userblk_config *config,
					     struct userblk_front *front);
/* 0, -ENODEV if its removal has begun already, -EBUSY if open and not forced. */
int userblk_device_remove(struct userblk_device *device, bool force);

static inline void userblk_device_put(struct userblk_device *device)
{
	userblk_node_put(&device->node);
}

#endif /* USERBLK_DEVICE_H */
