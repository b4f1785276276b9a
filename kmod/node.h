/* SPDX-License-Identifier: GPL-2.0 */
/* The control node /dev/userblkcN: the only door from user space to a queue. */
#ifndef USERBLK_NODE_H
#define USERBLK_NODE_H

#include <linux/fs.h>

#include "device.h"

/**
 * struct userblk_node - one open file of a control node
 * @device: with a reference
 * @lock: protects @taker; held for nothing that sleeps
 * @taker: the process that used this file last, with a reference; saves
 *	looking it up
 * @turn: counts looks for requests; unlocked, since nothing depends on it
 * @spin_ns: how long a GET that may spins before it sleeps; unlocked likewise
 */
struct userblk_node {
	struct userblk_device *device;
	spinlock_t lock;	/* taker */
	struct userblk_taker *taker;
	u32 turn;
	u32 spin_ns;
};

extern const struct file_operations userblk_node_fops;

/* The same as the next one, for a process that was not the last one here. */
struct userblk_taker *userblk_node_find_taker(struct userblk_node *node);

/*
 * The taker that is the current process. Stays valid while the process is in
 * this call: the queue's list holds it as long as its process lives.
 */
static inline struct userblk_taker *
userblk_node_taker(struct userblk_node *node)
{
	struct userblk_taker *taker;
	bool found;

	spin_lock(&node->lock);
	taker = node->taker;
	found = taker && userblk_taker_is_current(taker);
	spin_unlock(&node->lock);
	return likely(found) ? taker : userblk_node_find_taker(node);
}

#endif /* USERBLK_NODE_H */
