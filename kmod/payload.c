// SPDX-License-Identifier: GPL-2.0
#include "payload.h"

#include <linux/bio.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

/* Bytes faulted in at a time, so that a large buffer need not fit in memory. */
#define USERBLK_FAULT_IN_BYTES	(256u << 10)
/* How often in a row that may be in vain: pages may be evicted again. */
#define USERBLK_FAULT_IN_TRIES	1000

/* A piece is as long as memory is contiguous, or can be mapped at once. */
static inline struct bio_vec userblk_piece_at(const struct bio *bio,
					      struct bvec_iter at)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return bio_iter_iovec(bio, at);
	return mp_bvec_iter_bvec(bio->bi_io_vec, at);
}

static void userblk_piece_written(const struct bio_vec *bv, size_t bytes)
{
#if ARCH_IMPLEMENTS_FLUSH_DCACHE_PAGE
	size_t at = bv->bv_offset >> PAGE_SHIFT;

	for (; at << PAGE_SHIFT < bv->bv_offset + bytes; at++)
		flush_dcache_page(nth_page(bv->bv_page, at));
#endif
}

static size_t userblk_piece_copy(const struct bio_vec *bv, size_t bytes,
				 struct iov_iter *iter)
{
	void *memory = kmap_local_page(bv->bv_page);
	size_t copied;

	if (iov_iter_rw(iter) == ITER_DEST) {
		copied = _copy_to_iter(memory + bv->bv_offset, bytes, iter);
	} else {
		copied = _copy_from_iter(memory + bv->bv_offset, bytes, iter);
		userblk_piece_written(bv, copied);
	}
	kunmap_local(memory);
	return copied;
}

/*
 * Copies between iter and the payload, from the payload's byte skip on, until
 * iter is done or a page of the process is missing. Returns the bytes copied.
 */
static __always_inline size_t userblk_payload_copy(struct userblk_slot *slot,
						   size_t skip,
						   struct iov_iter *iter)
{
	struct bio *bio = slot->bio;
	struct bvec_iter at;
	size_t done = 0;

	for (; bio && unlikely(skip >= bio->bi_iter.bi_size);
	     bio = bio->bi_next)
		skip -= bio->bi_iter.bi_size;
	if (unlikely(!bio))
		return 0;
	at = bio->bi_iter;
	if (unlikely(skip))
		bio_advance_iter(bio, &at, skip);

	pagefault_disable();
	for (;;) {
		struct bio_vec bv = userblk_piece_at(bio, at);
		size_t bytes = min_t(size_t, bv.bv_len, iov_iter_count(iter));
		size_t copied = userblk_piece_copy(&bv, bytes, iter);

		done += copied;
		/* Most requests have one piece. */
		if (likely(copied < bytes || !iov_iter_count(iter)))
			break;
		bio_advance_iter_single(bio, &at, bytes);
		if (at.bi_size)
			continue;
		bio = bio->bi_next;
		if (!bio)
			break;
		at = bio->bi_iter;
	}
	pagefault_enable();
	return done;
}

/* Never writes to the pages: they may be a live store's, and the delivery over. */
static int userblk_payload_fault_in(struct iov_iter *iter)
{
	size_t length = min_t(size_t, iov_iter_count(iter),
			      USERBLK_FAULT_IN_BYTES);
	size_t left;

	if (!user_backed_iter(iter))
		return -EFAULT;
	if (iov_iter_rw(iter) == ITER_DEST)
		left = fault_in_iov_iter_writeable(iter, length);
	else
		left = fault_in_iov_iter_readable(iter, length);
	if (fatal_signal_pending(current))
		return -EINTR;
	return left == length ? -EFAULT : 0;
}

/* Goes on after copying so far, when a page was missing. */
static noinline int
userblk_payload_move_rest(struct userblk_slot *slot, u32 generation,
			  size_t skip, size_t copied, struct iov_iter *iter,
			  struct userblk_completions *completions)
{
	unsigned int idle = 0;
	int err;

	for (;;) {
		skip += copied;
		if (!iov_iter_count(iter))
			return 0;
		idle = copied ? 0 : idle + 1;

		userblk_queue_unclaim(slot);
		if (completions)
			userblk_completions_flush(completions);
		err = userblk_payload_fault_in(iter);
		if (err || idle == USERBLK_FAULT_IN_TRIES)
			return err ?: -EFAULT;
		cond_resched();
		if (!userblk_slot_claim(slot, generation))
			return -ESTALE;
		copied = userblk_payload_copy(slot, skip, iter);
	}
}

/* Inlined: the caller's iterator stays in registers. */
static __always_inline int
userblk_payload_move_all(struct userblk_slot *slot, u32 generation, size_t skip,
			 struct iov_iter *iter,
			 struct userblk_completions *completions)
{
	size_t copied = userblk_payload_copy(slot, skip, iter);

	if (likely(!iov_iter_count(iter)))
		return 0;
	return userblk_payload_move_rest(slot, generation, skip, copied, iter,
					 completions);
}

int userblk_payload_move_iter(struct userblk_slot *slot, u32 generation,
			      size_t skip, struct iov_iter *iter,
			      struct userblk_completions *completions)
{
	return userblk_payload_move_all(slot, generation, skip, iter,
					completions);
}

int userblk_payload_move(struct userblk_slot *slot, u32 generation, u64 addr,
			 size_t length, unsigned int direction,
			 struct userblk_completions *completions)
{
	struct iov_iter iter;

	iov_iter_ubuf(&iter, direction, u64_to_user_ptr(addr), length);
	return userblk_payload_move_all(slot, generation, 0, &iter,
					completions);
}

void userblk_payload_zero(struct userblk_slot *slot)
{
	struct bio *bio;

	for (bio = slot->bio; bio; bio = bio->bi_next)
		zero_fill_bio(bio);
}
