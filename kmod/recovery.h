/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that go back into the queue after somebody had taken them: given
 * back by their taker, or put back by a RESET. They go ahead of everything that
 * was submitted later, in the order of submission, and fail if that has happened
 * too often. All of it from process context, without locks and without a claim.
 */
#ifndef USERBLK_RECOVERY_H
#define USERBLK_RECOVERY_H

#include "queue.h"

/* Before the first request. */
void userblk_recovery_init(struct userblk_queue *queue);

/* -ESTALE, or 0. undo: as if it had not been delivered. */
int userblk_queue_give_back(struct userblk_slot *slot, u32 generation,
			    bool undo);

/* It stays taken, and is this taker's: -ESTALE, or 0. */
int userblk_queue_adopt(struct userblk_slot *slot, u32 generation,
			struct userblk_taker *taker);

/*
 * Puts back every taken request that match says yes to, or one; match is called
 * under hwq->lock and RCU. Returns how many.
 */
typedef bool (*userblk_match)(struct userblk_slot *slot, u32 generation,
			      const void *arg);

unsigned int userblk_queue_reset(struct userblk_queue *queue,
				 userblk_match match, const void *arg);
unsigned int userblk_queue_reset_one(struct userblk_queue *queue, u64 id);

#endif /* USERBLK_RECOVERY_H */
