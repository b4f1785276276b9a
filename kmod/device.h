/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One device: a queue, a front end before it and a control node behind it, made
 * and removed together. Which kind of front end that is, only its maker knows.
 *
 * The memory stays until the last reference is dropped, see node.h; the states
 * are the front end's, see front.h. The queue's timers are stopped by removal and
 * again before the end.
 */
#ifndef USERBLK_DEVICE_H
#define USERBLK_DEVICE_H

#include "config.h"
#include "node.h"
#include "queue.h"

/**
 * struct userblk_device - one device
 * @node: the control node; its reference count is the device's
 * @settings: constant from when it is in the registry, but for the queue's
 *	numbers, which the front end has shaped before there is a queue
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
 * Makes a device from a checked config, and writes back what is in force. The
 * front end is the device's from here on, whatever comes of it. With a reference
 * for the caller; or an error. Waits for no worker.
 */
struct userblk_device *userblk_device_create(struct userblk_config *config,
					     struct userblk_front *front);
/* This very device; -ENODEV if another one was faster, -EBUSY if it is open. */
int userblk_device_remove(struct userblk_device *device, bool force);

static inline void userblk_device_put(struct userblk_device *device)
{
	userblk_node_put(&device->node);
}

#endif /* USERBLK_DEVICE_H */
