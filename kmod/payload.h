/* SPDX-License-Identifier: GPL-2.0 */
/* Moving a request's payload between its pages and a process. */
#ifndef USERBLK_PAYLOAD_H
#define USERBLK_PAYLOAD_H

#include <linux/uio.h>

#include "completions.h"
#include "queue.h"

/**
 * userblk_payload_move() - copy the first bytes of a payload
 * @slot: claimed by the caller in @generation
 * @generation: of the delivery
 * @addr: in the current process
 * @length: bytes, at most the request's length
 * @direction: ITER_DEST copies to @addr, ITER_SOURCE from it
 * @completions: what the caller has gathered, given back before anything is waited
 *	for; or NULL
 *
 * Pages of the process are brought in with the claim given up, which may take
 * as long as whoever backs them likes. Returns 0 with the claim held, or,
 * without it, -ESTALE (the delivery is over), -EFAULT or -EINTR.
 */
int userblk_payload_move(struct userblk_slot *slot, u32 generation, u64 addr,
			 size_t length, unsigned int direction,
			 struct userblk_completions *completions);

/*
 * The same for what an iterator has room for or brings, from a byte of the
 * payload on; the iterator then tells how far it came, also after an error.
 */
int userblk_payload_move_iter(struct userblk_slot *slot, u32 generation,
			      size_t skip, struct iov_iter *iter,
			      struct userblk_completions *completions);

/* Fills the payload of a claimed slot with zeros. */
void userblk_payload_zero(struct userblk_slot *slot);

#endif /* USERBLK_PAYLOAD_H */
