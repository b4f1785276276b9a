/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that are over, on their way back to the front end in one go, which
 * costs less than one by one. Whoever gathers them gives them back before it
 * waits for anything: what it waits for may be one of them.
 */
#ifndef USERBLK_ENDS_H
#define USERBLK_ENDS_H

#include "queue.h"

/* With so much gathered it is time to give it back. */
#define USERBLK_ENDS_COUNT	32u
#define USERBLK_ENDS_BYTES	(128u << 10)

/**
 * struct userblk_ends - requests of one device that are over
 * @queue: of the device
 * @slots: FREE, with their status, linked by their node
 * @count: how many
 * @bytes: how much data they are about
 */
struct userblk_ends {
	struct userblk_queue *queue;
	struct list_head slots;
	unsigned int count;
	u64 bytes;
};

static inline void userblk_ends_init(struct userblk_ends *ends,
				     struct userblk_queue *queue)
{
	ends->queue = queue;
	INIT_LIST_HEAD(&ends->slots);
	ends->count = 0;
	ends->bytes = 0;
}

/* The slot is FREE and the caller's. */
static inline void userblk_ends_add(struct userblk_ends *ends,
				    struct userblk_slot *slot)
{
	list_add_tail(&slot->node, &ends->slots);
	ends->count++;
	ends->bytes += slot->length;
}

static inline bool userblk_ends_is_full(const struct userblk_ends *ends)
{
	return ends->count >= USERBLK_ENDS_COUNT ||
	       ends->bytes >= USERBLK_ENDS_BYTES;
}

/* Gives them back to the front end. Does nothing when there are none. */
void userblk_ends_flush(struct userblk_ends *ends);

#endif /* USERBLK_ENDS_H */
