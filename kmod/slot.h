/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A slot holds one request of a front end while it is in flight. Slots are
 * found by hardware queue and tag, never by pointer from outside.
 *
 * One word holds a slot's generation, its state and its number of claims:
 * copies of its payload in progress. Every transition is one function below:
 *
 *	from		to		by			caller
 *	FREE		QUEUED		userblk_slot_queue	front end
 *	RETURNING	QUEUED		userblk_slot_queue	its owner
 *	RETURNING	FREE		userblk_slot_free	its owner
 *	QUEUED		FREE		userblk_slot_free	expiry, removal
 *	QUEUED		TAKEN		userblk_slot_take	GET
 *	TAKEN		FREE		userblk_slot_end	PUT, removal
 *	TAKEN		ENDING		userblk_slot_end	  (claimed by others)
 *	ENDING		FREE		userblk_slot_unclaim	last claim
 *	TAKEN		RETURNING	userblk_slot_return	RESET, give-back
 *	TAKEN		REDIRECTED	userblk_slot_redirect_unclaimed	PUT
 *	TAKEN		REDIRECTED	userblk_slot_redirect	  (claimed by others)
 *	REDIRECTED	FREE		userblk_slot_end_redirected  the last I/O
 *	REDIRECTED	ENDING		userblk_slot_end_redirected  (claimed by
 *				others)
 *
 * A transition out of TAKEN while others hold claims leaves the remaining work
 * to the last claim; nothing waits. A RETURNING slot without claims belongs to
 * the task that made it RETURNING, a REDIRECTED one to the redirection. Nothing
 * sleeps while it holds a claim.
 *
 * Transitions to and from QUEUED need hwq->lock. So does the one to RETURNING:
 * what is put back enters the queue in one step and in order; only slots with
 * claims follow later. So does the one to REDIRECTED of a claimed slot, since a
 * claim holder may be about to change the taker. The others are atomic on the
 * word and need no lock.
 *
 * model/slot.pml models this table; a change here is a change there.
 */
#ifndef USERBLK_SLOT_H
#define USERBLK_SLOT_H

#include <linux/atomic.h>
#include <linux/blk_types.h>
#include <linux/list.h>
#include <linux/types.h>

#include "ioctl/userblk_ioctl.h"

struct userblk_hwq;
struct userblk_taker;

enum userblk_slot_state {
	USERBLK_SLOT_FREE,	/* holds no request */
	USERBLK_SLOT_QUEUED,	/* in a list of its hardware queue */
	USERBLK_SLOT_TAKEN,	/* delivered; may be claimed */
	USERBLK_SLOT_ENDING,	/* ended, but still claimed */
	USERBLK_SLOT_RETURNING,	/* on its way back into the queue */
	USERBLK_SLOT_REDIRECTED,	/* carried out by the kernel */
};

/**
 * struct userblk_slot - one request in flight
 * @word: generation << 32 | state << 16 | claims
 * @node: place in hwq->fresh or hwq->returned while QUEUED; hwq->lock
 * @hwq: its hardware queue; constant
 * @tag: its index in hwq->slots; constant
 * @op: USERBLK_OP_*; set by the front end and constant while not FREE, as are
 *	the next four
 * @flags: USERBLK_REQ_FUA and USERBLK_REQ_NOUNMAP
 * @length: bytes
 * @offset: bytes
 * @bio: the payload, linked by bi_next
 * @cookie: private to the front end
 * @seq: order of submission within the hardware queue; hwq->lock
 * @deliveries: how often it was taken; hwq->lock
 * @given_back: how many of those its taker gave back; hwq->lock
 * @filled: bytes of a READ's payload, from its start, that were written through
 *	the control node in this delivery; reset by GET, then updated under a
 *	claim
 * @status: result, from ENDING on; written by the context that ended the
 *	request
 * @since: jiffies when it was queued, taken or redirected; written under
 *	hwq->lock or by the slot's owner
 * @taker: process responsible for it while TAKEN; written likewise, read under
 *	RCU
 */
struct userblk_slot {
	atomic64_t word;
	struct list_head node;
	struct userblk_hwq *hwq;
	u16 tag;
	u16 op;
	u32 flags;
	u32 length;
	blk_status_t status;
	u64 offset;
	struct bio *bio;
	void *cookie;
	u64 seq;
	u32 deliveries;
	u32 given_back;
	u32 filled;
	unsigned long since;
	struct userblk_taker __rcu *taker;
};

#define USERBLK_WORD_CLAIMS	0xffffULL

static inline u64 userblk_word(u32 generation, enum userblk_slot_state state,
			       u32 claims)
{
	return (u64)generation << 32 | (u64)state << 16 | claims;
}

static inline u32 userblk_word_generation(u64 word)
{
	return word >> 32;
}

static inline enum userblk_slot_state userblk_word_state(u64 word)
{
	return (word >> 16) & 0xffff;
}

static inline u32 userblk_word_claims(u64 word)
{
	return word & USERBLK_WORD_CLAIMS;
}

static inline u64 userblk_slot_word(const struct userblk_slot *slot)
{
	return atomic64_read_acquire(&slot->word);
}

static inline bool userblk_slot_is_taken(const struct userblk_slot *slot,
					 u32 generation)
{
	u64 word = userblk_slot_word(slot);

	return userblk_word_state(word) == USERBLK_SLOT_TAKEN &&
	       userblk_word_generation(word) == generation;
}

/*
 * A payload's place holds only the low bits of the generation. Skip generations
 * whose low bits are 0: a place of 0 means no payload.
 */
static inline u32 userblk_next_generation(u32 generation)
{
	generation++;
	return generation << (32 - USERBLK_PAYLOAD_GENERATION_BITS) ?
		       generation :
		       generation + 1;
}

/* The USERBLK_OP_* of the block layer's operation. False if it is not supported. */
static inline bool userblk_op(blk_opf_t opf, u16 *op)
{
	switch (opf & REQ_OP_MASK) {
	case REQ_OP_READ:
		*op = USERBLK_OP_READ;
		return true;
	case REQ_OP_WRITE:
		*op = USERBLK_OP_WRITE;
		return true;
	case REQ_OP_FLUSH:
		*op = USERBLK_OP_FLUSH;
		return true;
	case REQ_OP_DISCARD:
		*op = USERBLK_OP_DISCARD;
		return true;
	case REQ_OP_WRITE_ZEROES:
		*op = USERBLK_OP_WRITE_ZEROES;
		return true;
	default:
		return false;
	}
}

/*
 * Fills in a slot that the front end owns. bio is the payload, or NULL. False
 * if the operation is not supported.
 */
static __always_inline bool userblk_slot_fill(struct userblk_slot *slot,
					      blk_opf_t opf, sector_t sector,
					      u32 bytes, struct bio *bio)
{
	if (!userblk_op(opf, &slot->op))
		return false;
	slot->bio = bio;
	slot->flags = 0;
	if (slot->op == USERBLK_OP_FLUSH) {
		slot->offset = 0;
		slot->length = 0;
		return true;
	}
	slot->offset = sector << SECTOR_SHIFT;
	slot->length = bytes;
	if (opf & REQ_FUA)
		slot->flags |= USERBLK_REQ_FUA;
	if (slot->op == USERBLK_OP_WRITE_ZEROES && opf & REQ_NOUNMAP)
		slot->flags |= USERBLK_REQ_NOUNMAP;
	return true;
}

/* FREE or RETURNING without claims -> QUEUED. The caller owns the slot. */
static inline void userblk_slot_queue(struct userblk_slot *slot)
{
	u64 word = userblk_slot_word(slot);
	u32 generation =
		userblk_next_generation(userblk_word_generation(word));

	atomic64_set_release(&slot->word,
			     userblk_word(generation, USERBLK_SLOT_QUEUED, 0));
}

/* QUEUED -> TAKEN. Returns the generation of this delivery. */
static inline u32 userblk_slot_take(struct userblk_slot *slot)
{
	u32 generation = userblk_word_generation(userblk_slot_word(slot));

	atomic64_set_release(&slot->word,
			     userblk_word(generation, USERBLK_SLOT_TAKEN, 0));
	return generation;
}

/* QUEUED, or RETURNING without claims -> FREE. The caller ends the request. */
static inline void userblk_slot_free(struct userblk_slot *slot)
{
	u32 generation = userblk_word_generation(userblk_slot_word(slot));

	atomic64_set_release(&slot->word,
			     userblk_word(generation, USERBLK_SLOT_FREE, 0));
}

/* The request and its payload stay valid while the claim is held. */
static inline bool userblk_slot_claim(struct userblk_slot *slot, u32 generation)
{
	u64 word = userblk_slot_word(slot);

	do {
		if (userblk_word_state(word) != USERBLK_SLOT_TAKEN ||
		    userblk_word_generation(word) != generation ||
		    userblk_word_claims(word) == USERBLK_WORD_CLAIMS)
			return false;
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word, word + 1));
	return true;
}

/*
 * Drops a claim. Returns what is left to do for the caller, as the last one
 * out: FREE (end the request with slot->status), RETURNING (requeue it), or
 * TAKEN (nothing).
 */
static inline enum userblk_slot_state
userblk_slot_unclaim(struct userblk_slot *slot)
{
	u64 word = userblk_slot_word(slot);
	enum userblk_slot_state state;
	u64 next;

	do {
		state = userblk_word_state(word);
		next = word - 1;
		if (userblk_word_claims(next)) {
			state = USERBLK_SLOT_TAKEN;
		} else if (state == USERBLK_SLOT_ENDING) {
			state = USERBLK_SLOT_FREE;
			next = userblk_word(userblk_word_generation(word),
					    state, 0);
		}
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word, next));
	return state;
}

/*
 * Ends a delivery that the caller has claimed, and drops the claim. Returns
 * false if the delivery was over already. Either way *last is as
 * userblk_slot_unclaim() returns it.
 */
static inline bool userblk_slot_end(struct userblk_slot *slot,
				    blk_status_t status,
				    enum userblk_slot_state *last)
{
	u64 word = userblk_slot_word(slot);
	u32 generation = userblk_word_generation(word);
	u64 next;

	do {
		if (userblk_word_state(word) != USERBLK_SLOT_TAKEN) {
			*last = userblk_slot_unclaim(slot);
			return false;
		}
		if (userblk_word_claims(word) == 1)
			next = userblk_word(generation, USERBLK_SLOT_FREE, 0);
		else
			next = userblk_word(generation, USERBLK_SLOT_ENDING,
					    userblk_word_claims(word));
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word, next));

	/* Our claim keeps an ENDING slot from becoming FREE before this. */
	slot->status = status;
	*last = userblk_word_claims(next) ? userblk_slot_unclaim(slot) :
					    USERBLK_SLOT_FREE;
	return true;
}

/*
 * TAKEN -> RETURNING, under hwq->lock. Returns false if it is not taken in this
 * generation. With *now the caller owns the slot and requeues it before it
 * drops the lock; otherwise the last unclaim does.
 */
static inline bool userblk_slot_return(struct userblk_slot *slot,
				       u32 generation, bool *now)
{
	u64 word = userblk_slot_word(slot);
	u32 claims;

	do {
		if (userblk_word_state(word) != USERBLK_SLOT_TAKEN ||
		    userblk_word_generation(word) != generation)
			return false;
		claims = userblk_word_claims(word);
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word,
				       userblk_word(generation,
						    USERBLK_SLOT_RETURNING,
						    claims)));
	*now = !claims;
	return true;
}

/*
 * TAKEN -> REDIRECTED without hwq->lock, which all workers of a hardware queue
 * share. False if claimed or not taken in this generation. Saves about 55 of
 * 7,000 instructions of a redirected 4k read or write at depth 32 (0.8 %; 0.4 %
 * at depth 1).
 */
static inline bool userblk_slot_redirect_unclaimed(struct userblk_slot *slot,
						   u32 generation)
{
	s64 word = userblk_word(generation, USERBLK_SLOT_TAKEN, 0);

	return atomic64_try_cmpxchg(&slot->word, &word,
				    userblk_word(generation,
						 USERBLK_SLOT_REDIRECTED, 0));
}

/* TAKEN -> REDIRECTED, under hwq->lock. False if not taken in this generation. */
static inline bool userblk_slot_redirect(struct userblk_slot *slot,
					 u32 generation)
{
	u64 word = userblk_slot_word(slot);

	do {
		if (userblk_word_state(word) != USERBLK_SLOT_TAKEN ||
		    userblk_word_generation(word) != generation)
			return false;
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word,
				       userblk_word(generation,
						    USERBLK_SLOT_REDIRECTED,
						    userblk_word_claims(word))));
	return true;
}

/*
 * REDIRECTED -> FREE, or ENDING while others hold claims. Any context. Returns
 * true if the caller ends the request, false if a later unclaim does.
 */
static inline bool userblk_slot_end_redirected(struct userblk_slot *slot,
					       blk_status_t status)
{
	u64 word = userblk_slot_word(slot);
	u32 generation = userblk_word_generation(word);
	u32 claims;
	u64 next;

	slot->status = status;
	do {
		claims = userblk_word_claims(word);
		if (likely(!claims))
			next = userblk_word(generation, USERBLK_SLOT_FREE, 0);
		else
			next = userblk_word(generation, USERBLK_SLOT_ENDING,
					    claims);
	} while (!atomic64_try_cmpxchg(&slot->word, (s64 *)&word, next));
	return !claims;
}

static inline u32 userblk_slot_filled(const struct userblk_slot *slot)
{
	return READ_ONCE(slot->filled);
}

/* Under a claim: the payload is now written without gaps up to end. */
static inline void userblk_slot_note_filled(struct userblk_slot *slot, u32 end)
{
	u32 filled = userblk_slot_filled(slot);

	while (filled < end && !try_cmpxchg(&slot->filled, &filled, end))
		;
}

#endif /* USERBLK_SLOT_H */
