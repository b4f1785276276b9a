/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finished requests return to the front end in batches, which costs less than
 * one by one. A task flushes its batch before it waits for anything: it may be
 * waiting for one of these requests.
 */
#ifndef USERBLK_COMPLETIONS_H
#define USERBLK_COMPLETIONS_H

#include "front.h"
#include "slot.h"
#include "stats.h"

/* Either limit makes a batch full. */
#define USERBLK_COMPLETIONS_COUNT 32u
#define USERBLK_COMPLETIONS_BYTES (256u << 10)

/**
 * struct userblk_completions - finished requests of one device
 * @front: where they came from
 * @stats: of the device
 * @bytes: sum of their lengths
 * @count: how many
 * @slots: FREE, with their status set
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

/* The slot is FREE and owned by the caller, who has made room: see flush_full. */
static inline void
userblk_completions_add(struct userblk_completions *completions,
			struct userblk_slot *slot)
{
	completions->slots[completions->count++] = slot;
	completions->bytes += slot->length;
}

/* Returns the batch to the front end. It may be empty. */
void userblk_completions_flush(struct userblk_completions *completions);

/* Makes room for one more. */
static inline void
userblk_completions_flush_full(struct userblk_completions *completions)
{
	if (unlikely(userblk_completions_is_full(completions)))
		userblk_completions_flush(completions);
}

#endif /* USERBLK_COMPLETIONS_H */
