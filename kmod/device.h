/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One device: its queue, the disk in front of it and the control node behind.
 *
 * Life: NEW (known by number and name, nodes being made) -> LIVE -> REMOVING
 * (refused, failed, taken down) -> gone from the registry. The memory stays
 * until the last reference is dropped. These hold one:
 *   - the registry, from NEW until removal is through
 *   - the control node's cdev and each open control file (by @node)
 *   - each open of the block device
 *   - whoever looks it up in the registry, while at it
 * The queue's works are cancelled by removal and again before the end.
 */
#ifndef USERBLK_DEVICE_H
#define USERBLK_DEVICE_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/spinlock.h>

#include "disk.h"
#include "ioctl/userblk_ioctl.h"
#include "queue.h"

enum userblk_device_state {
	USERBLK_DEVICE_NEW,
	USERBLK_DEVICE_LIVE,
	USERBLK_DEVICE_REMOVING,
};

/**
 * struct userblk_device - one device
 * @node: the control node; its reference count is the device's
 * @cdev: the control node's operations
 * @config: as told to user space; constant but for @config.size, which is
 *	written under @lock. It is the disk's capacity once @served
 * @owner: of the control node; constant, as is @group
 * @group: of the control node
 * @maker: who is adding the control node, until the node has its permissions
 * @queue: requests
 * @disk: where they come from
 * @lock: @state, @openers, @config.size, the disk's capacity; may not sleep
 * @state: see above
 * @openers: how often the block device is open
 * @served: somebody has asked for requests; set once, under @lock
 */
struct userblk_device {
	struct device node;
	struct cdev cdev;
	struct userblk_config config;
	kuid_t owner;
	kgid_t group;
	struct task_struct *maker;
	struct userblk_queue queue;
	struct userblk_disk disk;

	spinlock_t lock;	/* state, openers, config.size, capacity */
	enum userblk_device_state state;
	unsigned int openers;
	unsigned long served;
};

/*
 * Makes a device from a checked config, and writes back what is in force. With
 * a reference for the caller; or an error.
 */
struct userblk_device *userblk_device_create(struct userblk_config *config);
/* This very device; -ENODEV if another one was faster. */
int userblk_device_remove(struct userblk_device *device, bool force);
int userblk_device_resize(struct userblk_device *device, u64 size);

/* The block device is being opened: -ENXIO if it is going. */
int userblk_device_open(struct userblk_device *device);
void userblk_device_close(struct userblk_device *device);

/* Until the first GET the disk is empty, so that nobody waits for who is not. */
void userblk_device_first_get(struct userblk_device *device);

/* Somebody asks for requests. When it returns the disk has its capacity. */
static inline void userblk_device_served(struct userblk_device *device)
{
	if (unlikely(!test_bit(0, &device->served)))
		userblk_device_first_get(device);
}

static inline void userblk_device_put(struct userblk_device *device)
{
	put_device(&device->node);
}

/* Of the module, for nodes: minor 0 is the control device, 1 + n device n. */
extern struct class *userblk_class;
extern dev_t userblk_devt;

#endif /* USERBLK_DEVICE_H */
