// SPDX-License-Identifier: GPL-2.0
#include "extent_pages.h"

#include <linux/bio.h>
#include <linux/slab.h>
#include <linux/uio.h>

static unsigned int userblk_bvec_bits(const struct bio_vec *bv)
{
	return bv->bv_offset | bv->bv_len;
}

static unsigned int userblk_bios_count(struct bio *bio)
{
	unsigned int n = 0;
	struct bvec_iter at;
	struct bio_vec bv;

	for (; bio; bio = bio->bi_next)
		bio_for_each_bvec(bv, bio, at)
			n++;
	return n;
}

/* Enough if no bvec but a bio's first and last is shorter than a page. */
static unsigned int userblk_bios_estimate(const struct bio *bio)
{
	unsigned int n = 0;

	for (; bio; bio = bio->bi_next)
		n += (bio->bi_iter.bi_size >> PAGE_SHIFT) + 1;
	return n;
}

/*
 * Copies the bvecs of this bio and those after it, at most max. Returns their
 * number, or 0 if there are more.
 */
static unsigned int userblk_bios_copy(struct bio *bio, struct bio_vec *bvecs,
				      unsigned int max, unsigned int *bits)
{
	unsigned int n = 0;
	struct bvec_iter at;
	struct bio_vec bv;

	for (; bio; bio = bio->bi_next) {
		bio_for_each_bvec(bv, bio, at) {
			if (n == max)
				return 0;
			*bits |= userblk_bvec_bits(&bv);
			bvecs[n++] = bv;
		}
	}
	return n;
}

static struct bio_vec *userblk_bvecs_alloc(unsigned int n)
{
	return kmalloc_array(n, sizeof(struct bio_vec),
			     GFP_NOIO | __GFP_NOWARN | __GFP_NORETRY);
}

/* Sets io->bvecs, to NULL for lack of memory, and returns their number. */
static unsigned int userblk_extent_pages_gather(struct userblk_extent_io *io,
						struct bio *bio,
						unsigned int *bits)
{
	unsigned int max = userblk_bios_estimate(bio), n;

	io->bvecs = userblk_bvecs_alloc(max);
	if (!io->bvecs)
		return 0;
	n = userblk_bios_copy(bio, io->bvecs, max, bits);
	if (likely(n))
		return n;
	userblk_extent_pages_drop(io);
	max = userblk_bios_count(bio);
	io->bvecs = userblk_bvecs_alloc(max);
	return io->bvecs ? userblk_bios_copy(bio, io->bvecs, max, bits) : 0;
}

/*
 * Uses the bio's own table, for its first bytes. If they begin or end within a
 * bvec, they may count as less aligned than they are.
 */
static unsigned int userblk_extent_pages_of_bio(struct bio *bio, u32 bytes,
						struct iov_iter *iter,
						unsigned int direction)
{
	const struct bio_vec *bvecs =
		__bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter);
	u32 offset = bio->bi_iter.bi_offset;
	unsigned int bits = offset, n = 0;
	u64 end = (u64)offset + bytes, sum;

	if (end <= bvecs->bv_len) {
		bits = (bvecs->bv_offset + offset) | bytes;
		n = 1;
	} else {
		for (sum = 0; sum < end; sum += bvecs[n++].bv_len)
			bits |= userblk_bvec_bits(&bvecs[n]);
	}
	iov_iter_bvec(iter, direction, bvecs, n, bytes);
	iter->iov_offset = offset;
	return bits;
}

unsigned int userblk_extent_pages_iter(struct userblk_extent_io *io,
				       struct iov_iter *iter,
				       unsigned int direction)
{
	struct bio *bio = io->slot->bio;
	u32 left = io->range.length - io->moved;
	u32 skip = io->first + io->moved;
	unsigned int bits = 0, n = 0;

	while (skip >= bio->bi_iter.bi_size) {
		skip -= bio->bi_iter.bi_size;
		bio = bio->bi_next;
	}
	if (left > bio->bi_iter.bi_size - skip)
		n = userblk_extent_pages_gather(io, bio, &bits);
	if (n)
		iov_iter_bvec(iter, direction, io->bvecs, n, skip + left);
	else
		bits = userblk_extent_pages_of_bio(bio,
						   min(skip + left,
						       bio->bi_iter.bi_size),
						   iter, direction);
	if (skip)
		iov_iter_advance(iter, skip);
	return bits | skip | iov_iter_count(iter);
}
