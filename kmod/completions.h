/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that are over, on their way back to the front end in one go, which
 * costs less than one by one. Whoever gathers them gives them back before it
 * waits for anything: what it waits for may be one of them.
 */
#ifndef USERBLK_COMPLETIONS_H
#define USERBLK_COMPLETIONS_H

#include "front.h"
#include "slot.h"
#include "stats.h"

/* With so much gathered it is time to give it back. */
#define USERBLK_COMPLETIONS_COUNT 32u
#define USERBLK_COMPLETIONS_BYTES (256u << 10)

/**
 * struct userblk_completions - requests of one device that are over
 * @front: where they came from
 * @stats: of the device
 * @bytes: how much data they are about
 * @count: how many
 * @slots: FREE, with their status
 */
struct userblk_completions {
	struct userblk_front *front;
	struct userblk_stats __percpu *stats;
	u64 bytes;
	unsigned int count;
	struct userblk_slot *slots[USERBLK_COMPLETIONS_COUNT];
};

static inline void
userblk_completions_init(struct userblk_completions *completions,
			 struct userblk_front *front,
			 struct userblk_stats __percpu *stats)
{
	completions->front = front;
	completions->stats = stats;
	completions->count = 0;
	completions->bytes = 0;
}

static inline bool
userblk_completions_is_full(const struct userblk_completions *completions)
{
	return completions->count == USERBLK_COMPLETIONS_COUNT ||
	       completions->bytes >= USERBLK_COMPLETIONS_BYTES;
}

/* The slot is FREE and the caller's; there is room, see flush_full. */
static inline void
userblk_completions_add(struct userblk_completions *completions,
			struct userblk_slot *slot)
{
	completions->slots[completions->count++] = slot;
	completions->bytes += slot->length;
}

/* Gives them back to the front end. Does nothing when there are none. */
void userblk_completions_flush(struct userblk_completions *completions);

/* Makes room for one more. */
static inline void
userblk_completions_flush_full(struct userblk_completions *completions)
{
	if (unlikely(userblk_completions_is_full(completions)))
		userblk_completions_flush(completions);
}

#endif /* USERBLK_COMPLETIONS_H */
