// SPDX-License-Identifier: GPL-2.0
#include "completions.h"

#include "foreign.h"
#include "taker.h"

static void
userblk_completions_count(const struct userblk_completions *completions,
			  const struct userblk_slot *slot)
{
	userblk_stats_add(completions, completed[slot->op], 1);
	if (unlikely(slot->status))
		userblk_stats_add(completions, errors, 1);
	else if (slot->op == USERBLK_OP_READ)
		userblk_stats_add(completions, bytes_read, slot->length);
	else if (slot->op == USERBLK_OP_WRITE)
		userblk_stats_add(completions, bytes_written, slot->length);
}

/* The caller owns the slots. RCU readers may still see their takers. */
static void
userblk_completions_drop_takers(struct userblk_completions *completions)
{
	struct userblk_taker *taker, *same = NULL;
	unsigned int i, count = 0;

	for (i = 0; i < completions->count; i++) {
		struct userblk_slot *slot = completions->slots[i];

		userblk_completions_count(completions, slot);
		taker = rcu_dereference_protected(slot->taker, 1);
		RCU_INIT_POINTER(slot->taker, NULL);
		/* Most of a batch has one taker: update its count once. */
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

void userblk_completions_flush(struct userblk_completions *completions)
{
	bool entered;

	if (!completions->count)
		return;
	userblk_completions_drop_takers(completions);
	entered = userblk_foreign_enter();
	completions->front->ops->end(completions->slots, completions->count);
	userblk_foreign_leave(entered);
	completions->count = 0;
	completions->bytes = 0;
}
