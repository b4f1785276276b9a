/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Taken requests that return to the queue: given back by their taker, or put
 * back by a RESET. They go ahead of everything that was submitted later, in
 * order of submission, and fail if they were delivered too often. All functions
 * run in process context, without locks and without a claim.
 */
#ifndef USERBLK_RECOVERY_H
#define USERBLK_RECOVERY_H

#include "queue.h"

/* Before the first request. */
void userblk_recovery_init(struct userblk_queue *queue);

/*
 * 0, -ESTALE, or -EOWNERDEAD for what a dead process holds on a device that
 * demands a RESET for that. With undo the delivery does not count.
 */
int userblk_queue_give_back(struct userblk_slot *slot, u32 generation,
			    bool undo);

/* Makes the taker responsible for a request, which stays taken. Likewise. */
int userblk_queue_adopt(struct userblk_slot *slot, u32 generation,
			struct userblk_taker *taker);

/*
 * Put back every taken request that match accepts, or the one with this id if
 * match accepts it. match is called under hwq->lock and RCU. Return how many
 * were put back.
 */
typedef bool (*userblk_match)(struct userblk_slot *slot, u32 generation,
			      void *arg);

unsigned int userblk_queue_reset(struct userblk_queue *queue,
				 userblk_match match, void *arg);
unsigned int userblk_queue_reset_one(struct userblk_queue *queue, u64 id,
				     userblk_match match, void *arg);

#endif /* USERBLK_RECOVERY_H */
