// SPDX-License-Identifier: GPL-2.0
#include "extent_pages.h"

#include <linux/bio.h>
#include <linux/slab.h>
#include <linux/uio.h>

/*
 * Counts the bvecs of this bio and those after it; copies them to bvecs unless
 * NULL.
 */
static unsigned int userblk_bios_bvecs(struct bio *bio, struct bio_vec *bvecs)
{
	unsigned int n = 0;
	struct bvec_iter at;
	struct bio_vec bv;

	for (; bio; bio = bio->bi_next) {
		bio_for_each_bvec(bv, bio, at) {
			if (bvecs)
				bvecs[n] = bv;
			n++;
		}
	}
	return n;
}

/* Uses the bio's own table; skip lies within the bio. */
static inline void userblk_extent_pages_of_bio(struct bio *bio,
					       struct iov_iter *iter,
					       unsigned int direction, u32 skip)
{
	const struct bio_vec *bvecs =
		__bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter);
	struct bvec_iter at;
	unsigned int n = 0;
	struct bio_vec bv;

	if (bio->bi_iter.bi_size <= bvecs->bv_len - bio->bi_iter.bi_offset)
		n = 1;
	else
		bio_for_each_bvec(bv, bio, at)
			n++;
	iov_iter_bvec(iter, direction, bvecs, n, bio->bi_iter.bi_size);
	iter->iov_offset = bio->bi_iter.bi_offset;
	if (skip)
		iov_iter_advance(iter, skip);
}

void userblk_extent_pages_iter(struct userblk_extent_io *io,
			       struct iov_iter *iter, unsigned int direction)
{
	struct bio *bio = io->slot->bio;
	u32 left = io->range.length - io->moved;
	u32 skip = io->first + io->moved;
	unsigned int n;

	while (skip >= bio->bi_iter.bi_size) {
		skip -= bio->bi_iter.bi_size;
		bio = bio->bi_next;
	}
	if (left > bio->bi_iter.bi_size - skip) {
		n = userblk_bios_bvecs(bio, NULL);
		io->bvecs =
			kmalloc_array(n, sizeof(*io->bvecs),
				      GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY);
	}
	if (io->bvecs) {
		userblk_bios_bvecs(bio, io->bvecs);
		iov_iter_bvec(iter, direction, io->bvecs, n, skip + left);
		iov_iter_advance(iter, skip);
	} else {
		userblk_extent_pages_of_bio(bio, iter, direction, skip);
	}
	iov_iter_truncate(iter, left);
}
