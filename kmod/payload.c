// SPDX-License-Identifier: GPL-2.0
#include "payload.h"

#include <linux/bio.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "queue.h"

/* How much is brought in at a time, so that a large buffer fits in memory. */
#define USERBLK_FAULT_IN_BYTES	(256u << 10)
/* How often it may be for nothing: the page may be taken away again. */
#define USERBLK_FAULT_IN_TRIES	1000

static size_t userblk_page_copy(struct page *page, size_t offset, size_t bytes,
				struct iov_iter *iter)
{
	size_t copied;

	if (iov_iter_rw(iter) == ITER_DEST)
		return copy_page_to_iter(page, offset, bytes, iter);

	copied = copy_page_from_iter_atomic(page, offset, bytes, iter);
	flush_dcache_page(page);
	return copied;
}

/*
 * Copies what iter has room for from the payload's byte skip on, until done or
 * until a page of the process is not there. Returns the bytes copied.
 */
static size_t userblk_payload_copy(struct userblk_slot *slot, size_t skip,
				   struct iov_iter *iter)
{
	size_t done = 0;
	struct bio *bio;

	pagefault_disable();
	for (bio = slot->bio; bio; bio = bio->bi_next) {
		struct bvec_iter at;
		struct bio_vec bv;

		if (skip >= bio->bi_iter.bi_size) {
			skip -= bio->bi_iter.bi_size;
			continue;
		}
		bio_for_each_segment(bv, bio, at) {
			size_t bytes, copied;

			if (skip >= bv.bv_len) {
				skip -= bv.bv_len;
				continue;
			}
			bytes = min_t(size_t, bv.bv_len - skip,
				      iov_iter_count(iter));
			copied = userblk_page_copy(bv.bv_page,
						   bv.bv_offset + skip, bytes,
						   iter);
			done += copied;
			skip = 0;
			if (copied < bytes || !iov_iter_count(iter))
				goto out;
		}
	}
out:
	pagefault_enable();
	return done;
}

/* Never writes to addr: it may be a store's, and the delivery over. */
static int userblk_payload_fault_in(u64 addr, size_t length,
				    unsigned int direction)
{
	char __user *user = u64_to_user_ptr(addr);
	size_t left;

	length = min_t(size_t, length, USERBLK_FAULT_IN_BYTES);
	if (!access_ok(user, length))
		return -EFAULT;
	if (direction == ITER_DEST)
		left = fault_in_safe_writeable(user, length);
	else
		left = fault_in_readable(user, length);
	if (fatal_signal_pending(current))
		return -EINTR;
	return left == length ? -EFAULT : 0;
}

int userblk_payload_move(struct userblk_slot *slot, u32 generation, u64 addr,
			 size_t length, unsigned int direction)
{
	unsigned int idle = 0;
	struct iov_iter iter;
	size_t done = 0;
	int err;

	for (;;) {
		size_t copied;

		iov_iter_ubuf(&iter, direction, u64_to_user_ptr(addr + done),
			      length - done);
		copied = userblk_payload_copy(slot, done, &iter);
		done += copied;
		if (done == length)
			return 0;
		idle = copied ? 0 : idle + 1;

		userblk_queue_unclaim(slot);
		err = userblk_payload_fault_in(addr + done, length - done,
					       direction);
		if (err || idle == USERBLK_FAULT_IN_TRIES)
			return err ?: -EFAULT;
		cond_resched();
		if (!userblk_slot_claim(slot, generation))
			return -ESTALE;
	}
}
