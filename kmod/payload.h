/* SPDX-License-Identifier: GPL-2.0 */
/* Moves a request's payload between its pages and a process. */
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
 * @completions: the caller's batch, flushed before waiting for anything; or NULL
 *
 * Drops the claim while it faults in pages of the process, which may take as
 * long as their backing (userfaultfd, FUSE) takes. Returns 0 with the claim held
 * or, without it, -ESTALE (the delivery is over), -EFAULT or -EINTR.
 */
int userblk_payload_move(struct userblk_slot *slot, u32 generation, u64 addr,
			 size_t length, unsigned int direction,
			 struct userblk_completions *completions);

/*
 * The same for an iterator, from byte skip of the payload on. The iterator
 * shows the progress, also after an error.
 */
int userblk_payload_move_iter(struct userblk_slot *slot, u32 generation,
			      size_t skip, struct iov_iter *iter,
			      struct userblk_completions *completions);

/* Fills the payload of a claimed slot with zeros. */
void userblk_payload_zero(struct userblk_slot *slot);

#endif /* USERBLK_PAYLOAD_H */
