/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control node /dev/userblkcN: the only door from user space to a queue, and
 * what of a device everybody sees, with a disk or without: attributes in sysfs,
 * uevents. Its reference count is the device's. These hold one:
 *   - the registry, from before it is added until removal is through
 *   - its cdev and each open control file
 *   - each open of the front end
 *   - whoever looks it up in the registry, while at it
 */
#ifndef USERBLK_NODE_H
#define USERBLK_NODE_H

#include <linux/cdev.h>
#include <linux/device.h>

#include "queue.h"

/**
 * struct userblk_node - a control node
 * @dev: its device; the reference count
 * @cdev: its operations
 * @queue: of the device; constant
 * @maker: who is adding it, until it has its permissions
 */
struct userblk_node {
	struct device dev;
	struct cdev cdev;
	struct userblk_queue *queue;
	struct task_struct *maker;
};

/* With a reference for the caller; from here on it is put, not freed. */
void userblk_node_init(struct userblk_node *node, struct userblk_queue *queue,
		       void (*release)(struct device *dev));

/* Under the number in the settings. When it returns it may be open already. */
int userblk_node_add(struct userblk_node *node);
/* Waits for those who read its attributes, and for nobody else. */
void userblk_node_del(struct userblk_node *node);

static inline const struct userblk_settings *
userblk_node_settings(const struct userblk_node *node)
{
	return node->queue->front->settings;
}

static inline void userblk_node_put(struct userblk_node *node)
{
	put_device(&node->dev);
}

/* Of the module, for nodes: minor 0 is the control device, 1 + n device n. */
extern struct class *userblk_class;
extern dev_t userblk_devt;

#endif /* USERBLK_NODE_H */
