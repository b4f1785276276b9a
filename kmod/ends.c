// SPDX-License-Identifier: GPL-2.0
#include "ends.h"

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
	struct userblk_slot *slot;
	unsigned int count = 0;

	list_for_each_entry(slot, &ends->slots, node) {
		userblk_ends_count(ends->queue, slot);
		taker = rcu_dereference_protected(slot->taker, 1);
		if (!taker)
			continue;
		RCU_INIT_POINTER(slot->taker, NULL);
		/* Most of a batch were taken by one: one step for all of them. */
		if (taker != same && count) {
			atomic_sub(count, &same->taken);
			count = 0;
		}
		same = taker;
		count++;
	}
	if (count)
		atomic_sub(count, &same->taken);
}

void userblk_ends_flush(struct userblk_ends *ends)
{
	if (list_empty(&ends->slots))
		return;
	userblk_ends_drop_takers(ends);
	ends->queue->front->end(&ends->slots);
	ends->count = 0;
	ends->bytes = 0;
}
