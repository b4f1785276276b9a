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
#define USERBLK_ENDS_BYTES	(256u << 10)

/**
 * struct userblk_ends - requests of one device that are over
 * @queue: of the device
 * @bytes: how much data they are about
 * @count: how many
 * @slots: FREE, with their status
 */
struct userblk_ends {
	struct userblk_queue *queue;
	u64 bytes;
	unsigned int count;
	struct userblk_slot *slots[USERBLK_ENDS_COUNT];
};

static inline void userblk_ends_init(struct userblk_ends *ends,
				     struct userblk_queue *queue)
{
	ends->queue = queue;
	ends->count = 0;
	ends->bytes = 0;
}

static inline bool userblk_ends_is_full(const struct userblk_ends *ends)
{
	return ends->count == USERBLK_ENDS_COUNT ||
	       ends->bytes >= USERBLK_ENDS_BYTES;
}

/* The slot is FREE and the caller's; there is room, see flush_full. */
static inline void userblk_ends_add(struct userblk_ends *ends,
				    struct userblk_slot *slot)
{
	ends->slots[ends->count++] = slot;
	ends->bytes += slot->length;
}

/* Gives them back to the front end. Does nothing when there are none. */
void userblk_ends_flush(struct userblk_ends *ends);

/* Makes room for one more. */
static inline void userblk_ends_flush_full(struct userblk_ends *ends)
{
	if (unlikely(userblk_ends_is_full(ends)))
		userblk_ends_flush(ends);
}

#endif /* USERBLK_ENDS_H */
