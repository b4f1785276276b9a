/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control node /dev/userblkcN: the only way from user space to a queue, and
 * what makes any device visible, with a disk or without: its attributes in sysfs
 * and its uevents. Its reference count is the device's. References are held by
 *   - the registry, from before the node is added until removal is complete
 *   - its cdev and each open control file
 *   - each open of the front end
 *   - each lookup in the registry, while it uses the node
 */
#ifndef USERBLK_NODE_H
#define USERBLK_NODE_H

#include <linux/cdev.h>
#include <linux/device.h>

#include "queue.h"

/**
 * struct userblk_node - a control node
 * @dev: its device, with the reference count
 * @cdev: its operations
 * @queue: of the device; constant
 * @maker: the task that adds it, until owner and permissions are set
 */
struct userblk_node {
	struct device dev;
	struct cdev cdev;
	struct userblk_queue *queue;
	struct task_struct *maker;
};

/* Leaves the caller a reference; from here on the node is put, not freed. */
void userblk_node_init(struct userblk_node *node, struct userblk_queue *queue,
		       void (*release)(struct device *dev));

/* Uses the number in the settings. The node may be open before this returns. */
int userblk_node_add(struct userblk_node *node);
/* Waits for readers of its attributes, and for nobody else. */
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

/* For all nodes: minor 0 is the control device, minor 1 + n device n. */
extern struct class *userblk_class;
extern dev_t userblk_devt;

#endif /* USERBLK_NODE_H */
