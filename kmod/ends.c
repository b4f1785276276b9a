// SPDX-License-Identifier: GPL-2.0
#include "ends.h"

#include "foreign.h"
#include "ioctl/userblk_ioctl.h"

static void userblk_ends_count(struct userblk_queue *queue,
			       const struct userblk_slot *slot)
{
	userblk_stats_add(queue, completed[slot->op], 1);
	if (unlikely(slot->status))
		userblk_stats_add(queue, errors, 1);
	else if (slot->op == USERBLK_OP_READ)
		userblk_stats_add(queue, bytes_read, slot->length);
	else if (slot->op == USERBLK_OP_WRITE)
		userblk_stats_add(queue, bytes_written, slot->length);
}

/* The slots are the caller's. Others may still be looking, under RCU. */
static void userblk_ends_drop_takers(struct userblk_ends *ends)
{
	struct userblk_taker *taker, *same = NULL;
	unsigned int i, count = 0;

	for (i = 0; i < ends->count; i++) {
		struct userblk_slot *slot = ends->slots[i];

		userblk_ends_count(ends->queue, slot);
		taker = rcu_dereference_protected(slot->taker, 1);
		RCU_INIT_POINTER(slot->taker, NULL);
		/* Most of a batch were taken by one: one step for all of them. */
		if (taker != same) {
			if (same)
				userblk_taker_let_go(same, count);
			same = taker;
			count = 0;
		}
		count++;
	}
	if (same)
		userblk_taker_let_go(same, count);
}

void userblk_ends_flush(struct userblk_ends *ends)
{
	bool entered;

	if (!ends->count)
		return;
	userblk_ends_drop_takers(ends);
	entered = userblk_foreign_enter();
	ends->queue->front->end(ends->slots, ends->count);
	userblk_foreign_leave(entered);
	ends->count = 0;
	ends->bytes = 0;
}
