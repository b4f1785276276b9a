// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <linux/slab.h>

#include "cancel.h"
#include "info.h"
#include "patience.h"
#include "recovery.h"
#include "redirect.h"
#include "registry.h"

static void userblk_device_release(struct device *dev)
{
	struct userblk_device *device =
		container_of(dev, struct userblk_device, node.dev);
	struct userblk_front *front = device->queue.front;

	userblk_redirect_destroy(&device->queue);
	if (device->queue.hwqs)
		userblk_patience_stop(&device->queue);
	userblk_queue_destroy(&device->queue);
	front->ops->free(front);
	kfree(device);
}

static struct userblk_device *
userblk_device_alloc(const struct userblk_config *config,
		     struct userblk_front *front)
{
	struct userblk_device *device;
	int err = -ENOMEM;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		goto free_front;
	err = userblk_settings_init(&device->settings, config);
	if (err)
		goto free_device;
	front->settings = &device->settings;
	front->queue = &device->queue;
	front->node = &device->node.dev;
	front->size = config->size;
	device->queue.front = front;
	userblk_node_init(&device->node, &device->queue,
			  userblk_device_release);
	return device;

free_device:
	kfree(device);
free_front:
	front->ops->free(front);
	return ERR_PTR(err);
}

/* In jiffies: at least one, at most what time_before() can compare. */
static unsigned long userblk_device_limit(const struct userblk_config *config)
{
	u64 limit = nsecs_to_jiffies64(config->queue_limit_ns);

	return clamp_t(u64, limit, 1, MAX_JIFFY_OFFSET);
}

static int userblk_device_init_queue(struct userblk_device *device)
{
	const struct userblk_config *config = &device->settings.config;
	struct userblk_queue *queue = &device->queue;
	int err;

	queue->number = config->number;
	queue->delivery_limit = config->delivery_limit;
	queue->store_class = config->store_class;
	queue->store_wait_ns = config->store_wait_ns;
	if (config->queue_limit_ns)
		queue->limit = userblk_device_limit(config);
	err = userblk_queue_init(queue, config->queues, config->depth);
	if (err)
		return err;
	userblk_recovery_init(queue);
	userblk_patience_init(queue);
	if (config->flags & USERBLK_F_REDIRECT)
		err = userblk_redirect_init(queue);
	return err;
}

/* Refuses new requests, fails the others, wakes all and stops the timers. */
static void userblk_device_kill_queue(struct userblk_device *device)
{
	userblk_queue_kill(&device->queue);
	userblk_patience_stop(&device->queue);
}

struct userblk_device *userblk_device_create(struct userblk_config *config,
					     struct userblk_front *front)
{
	struct userblk_device *device;
	int err;

	device = userblk_device_alloc(config, front);
	if (IS_ERR(device))
		return device;
	err = userblk_registry_add(&device->node,
				   &device->settings.config.number);
	if (err)
		goto put;
	err = front->ops->shape(front, &device->settings.config);
	if (err)
		goto unregister;
	err = userblk_device_init_queue(device);
	if (err)
		goto unmake;
	err = front->ops->make(front);
	if (err)
		goto unmake;
	err = userblk_node_add(&device->node);
	if (err)
		goto kill_queue;
	err = front->ops->appear(front);
	if (err)
		goto del_node;

	/* The device pins the module until it is removed. */
	__module_get(THIS_MODULE);
	*config = device->settings.config;
	userblk_front_set_live(front);
	return device;

del_node:
	userblk_node_del(&device->node);
kill_queue:
	/* The node may have been opened already. */
	userblk_device_kill_queue(device);
unmake:
	front->ops->unmake(front);
unregister:
	userblk_registry_remove(&device->node);
put:
	userblk_device_put(device);
	return ERR_PTR(err);
}

/* Logged because the removal takes away the nodes that would show it. */
static void userblk_device_tell_redirected(struct userblk_device *device)
{
	struct userblk_census census;

	userblk_census_take(&device->queue, &census);
	if (census.redirected)
		pr_info("userblk%u: removal waits for %llu redirected requests\n",
			device->queue.number, census.redirected);
}

int userblk_device_remove(struct userblk_device *device, bool force)
{
	struct userblk_front *front = device->queue.front;
	int err;

	err = userblk_front_begin_removal(front, force);
	if (err)
		return err;

	/* Refuse and fail I/O first, so that nothing below waits for workers. */
	userblk_device_kill_queue(device);
	userblk_device_tell_redirected(device);
	front->ops->stop(front);
	userblk_node_del(&device->node);
	front->ops->vanish(front);
	front->ops->unmake(front);
	userblk_registry_remove(&device->node);
	module_put(THIS_MODULE);
	return 0;
}
