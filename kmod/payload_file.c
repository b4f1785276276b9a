// SPDX-License-Identifier: GPL-2.0
#include "payload_file.h"

#include <linux/pipe_fs_i.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "caller.h"
#include "payload.h"

static_assert(USERBLK_MAX_TRANSFER < 1ULL << USERBLK_PAYLOAD_OFFSET_BITS);
static_assert(USERBLK_MAX_SLOTS <= 1ULL << USERBLK_PAYLOAD_SLOT_BITS);
static_assert(USERBLK_PLACE_GENERATION_SHIFT +
	      USERBLK_PAYLOAD_GENERATION_BITS == 63);

/**
 * struct userblk_place - a place in the file, and the delivery it belongs to
 * @slot: claimed
 * @generation: of the delivery
 * @offset: in its payload, at most its length
 */
struct userblk_place {
	struct userblk_slot *slot;
	u32 generation;
	u32 offset;
};

static bool userblk_place_claim_slot(struct userblk_place *place,
				     u32 generation)
{
	u32 now = userblk_word_generation(userblk_slot_word(place->slot));

	if ((now ^ generation) &
	    USERBLK_PLACE_MASK(USERBLK_PAYLOAD_GENERATION_BITS))
		return false;
	place->generation = now;
	return userblk_slot_claim(place->slot, now);
}

/* Claims the request at pos, if its operation is op. */
static int userblk_place_claim(struct userblk_queue *queue, u64 pos, u16 op,
			       struct userblk_place *place)
{
	u64 number = pos >> USERBLK_PLACE_SLOT_SHIFT &
		     USERBLK_PLACE_MASK(USERBLK_PAYLOAD_SLOT_BITS);
	unsigned int bits = queue->tag_bits;
	u32 tag = number & USERBLK_PLACE_MASK(bits);
	int err;

	if (userblk_queue_is_dying(queue))
		return -ENODEV;
	if (number >> bits >= queue->nr_hwqs || tag >= queue->depth)
		return -ESTALE;
	place->slot = &queue->hwqs[number >> bits].slots[tag];
	place->offset = pos & USERBLK_PLACE_MASK(USERBLK_PAYLOAD_OFFSET_BITS);
	if (!userblk_place_claim_slot(place,
				      pos >> USERBLK_PLACE_GENERATION_SHIFT)) {
		userblk_stats_add(queue, stale, 1);
		return -ESTALE;
	}
	if (place->slot->op == op)
		return 0;
	err = place->slot->op > USERBLK_OP_WRITE ? -EINVAL : -EPERM;
	userblk_queue_unclaim(place->slot);
	return err;
}

/* Moves what fits and drops the claim. Returns bytes, or an error if none. */
static ssize_t userblk_place_move(struct userblk_place *place,
				  struct iov_iter *iter)
{
	u32 room = place->slot->length - place->offset;
	size_t before = iov_iter_count(iter);
	size_t wanted = min_t(size_t, before, room);
	bool fills = iov_iter_rw(iter) == ITER_SOURCE;
	size_t moved;
	int err;

	iov_iter_truncate(iter, wanted);
	err = userblk_payload_move_iter(place->slot, place->generation,
					place->offset, iter, NULL);
	moved = wanted - iov_iter_count(iter);
	iov_iter_reexpand(iter, before - moved);
	/* A part was moved; it counts only if the delivery still lasts. */
	if (err && moved && fills &&
	    !userblk_slot_claim(place->slot, place->generation))
		return -ESTALE;
	if (fills && (!err || moved))
		userblk_slot_note_filled(place->slot, place->offset + moved);
	if (!err || (moved && fills))
		userblk_queue_unclaim(place->slot);
	return moved ?: err;
}

static struct userblk_queue *userblk_payload_queue(struct file *file)
{
	struct userblk_caller *caller = file->private_data;

	return caller->queue;
}

ssize_t userblk_payload_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct userblk_place place;
	ssize_t ret;

	/* Reading what others write to the device takes write permission. */
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	ret = userblk_place_claim(userblk_payload_queue(file), iocb->ki_pos,
				  USERBLK_OP_WRITE, &place);
	if (ret)
		return ret;
	if (place.offset >= place.slot->length) {
		userblk_queue_unclaim(place.slot);
		return 0;
	}
	ret = userblk_place_move(&place, to);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

ssize_t userblk_payload_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct userblk_place place;
	ssize_t ret;

	ret = userblk_place_claim(userblk_payload_queue(iocb->ki_filp),
				  iocb->ki_pos, USERBLK_OP_READ, &place);
	if (ret)
		return ret;
	if (place.offset >= place.slot->length)
		ret = -ENOSPC;
	else if (place.offset > userblk_slot_filled(place.slot))
		ret = -EINVAL;
	if (ret) {
		userblk_queue_unclaim(place.slot);
		return ret;
	}
	ret = userblk_place_move(&place, from);
	if (ret > 0)
		iocb->ki_pos += ret;
	return ret;
}

/* --------------------------------------------------------------- splice */

static void userblk_splice_release(struct splice_pipe_desc *spd,
				   unsigned int i)
{
	__free_page(spd->pages[i]);
}

/* Copies to separate pages: the request's own change once it is over. */
static unsigned int userblk_splice_alloc(struct page **pages,
					 struct bio_vec *bvecs, size_t length)
{
	unsigned int n;

	for (n = 0; n < PIPE_DEF_BUFFERS && length; n++) {
		u32 bytes = min_t(size_t, length, PAGE_SIZE);

		pages[n] = alloc_page(GFP_NOIO);
		if (!pages[n])
			break;
		bvec_set_page(&bvecs[n], pages[n], bytes, 0);
		length -= bytes;
	}
	return n;
}

static ssize_t userblk_splice_fill(struct file *file, loff_t pos,
				   struct bio_vec *bvecs, unsigned int n)
{
	struct iov_iter iter;
	struct kiocb iocb;
	size_t room = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		room += bvecs[i].bv_len;
	iov_iter_bvec(&iter, ITER_DEST, bvecs, n, room);
	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	return userblk_payload_read_iter(&iocb, &iter);
}

ssize_t userblk_payload_splice_read(struct file *file, loff_t *pos,
				    struct pipe_inode_info *pipe, size_t length,
				    unsigned int flags)
{
	struct partial_page partial[PIPE_DEF_BUFFERS] = {};
	struct bio_vec bvecs[PIPE_DEF_BUFFERS];
	struct page *pages[PIPE_DEF_BUFFERS];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = PIPE_DEF_BUFFERS,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = userblk_splice_release,
	};
	ssize_t filled, ret;
	unsigned int n, i;

	n = userblk_splice_alloc(pages, bvecs, length);
	if (!n)
		return length ? -ENOMEM : 0;
	filled = userblk_splice_fill(file, *pos, bvecs, n);
	for (i = 0, ret = filled; i < n && ret > 0; i++) {
		partial[i].len = min_t(size_t, ret, bvecs[i].bv_len);
		ret -= partial[i].len;
	}
	spd.nr_pages = i;
	for (; i < n; i++)
		__free_page(pages[i]);
	ret = spd.nr_pages ? splice_to_pipe(pipe, &spd) : filled;
	if (ret > 0)
		*pos += ret;
	return ret;
}
