// SPDX-License-Identifier: GPL-2.0
#include "extent_range.h"

#include <linux/falloc.h>
#include <linux/sched.h>
#include <linux/uio.h>

static long userblk_extent_range_write_zeroes(struct userblk_extent_io *io)
{
	u32 left = io->range.length - io->moved;
	struct bio_vec bvecs[16];
	struct iov_iter iter;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(bvecs) && left; n++) {
		bvec_set_page(&bvecs[n], ZERO_PAGE(0),
			      min_t(u32, left, PAGE_SIZE), 0);
		left -= bvecs[n].bv_len;
	}
	left = io->range.length - io->moved - left;
	iov_iter_bvec(&iter, ITER_SOURCE, bvecs, n, left);
	userblk_extent_io_set_iocb(io);
	io->iocb.ki_flags &= ~IOCB_DIRECT;
	return io->range.file->f_op->write_iter(&io->iocb, &iter);
}

static int userblk_extent_range_write_all_zeroes(struct userblk_extent_io *io)
{
	long ret = 0;

	userblk_extent_io_start_write(io);
	while (io->moved < io->range.length) {
		ret = userblk_extent_range_write_zeroes(io);
		if (ret <= 0)
			break;
		io->moved += ret;
		cond_resched();
	}
	userblk_extent_io_end_write(io);
	if (io->moved)
		userblk_extent_io_tell(io);
	return io->moved < io->range.length ? ret ?: -EIO : 0;
}

/*
 * Zeros beyond the end of the file could not be read back: extend the file by
 * writing the last ones.
 */
static int userblk_extent_range_write_end(struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;

	if (!userblk_extent_io_is_regular(io) ||
	    i_size_read(range->file->f_mapping->host) >=
		    range->offset + range->length)
		return 0;
	io->moved = range->length - min_t(u32, range->length, SECTOR_SIZE);
	return userblk_extent_range_write_all_zeroes(io);
}

/* A disk silently zeroes only the part of a range before its end. */
static bool
userblk_extent_range_is_beyond_disk(const struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;
	struct inode *inode = range->file->f_mapping->host;

	return S_ISBLK(inode->i_mode) &&
	       range->offset + range->length > i_size_read(inode);
}

static int userblk_extent_range_zero(struct userblk_extent_io *io)
{
	struct userblk_slot *slot = io->slot;
	const struct userblk_file_range *range = &io->range;
	int mode = slot->flags & USERBLK_REQ_NOUNMAP ? FALLOC_FL_ZERO_RANGE :
						       FALLOC_FL_PUNCH_HOLE;
	int err;

	if (userblk_extent_range_is_beyond_disk(io))
		return -ENOSPC;
	err = vfs_fallocate(range->file, mode | FALLOC_FL_KEEP_SIZE,
			    range->offset, range->length);
	/* A disk zeroes whole blocks only: write the zeros. */
	if (err == -EOPNOTSUPP || err == -EINVAL)
		err = userblk_extent_range_write_all_zeroes(io);
	else if (!err)
		err = userblk_extent_range_write_end(io);
	if (!err && slot->flags & USERBLK_REQ_FUA)
		err = vfs_fsync(range->file, 1);
	return err;
}

static int userblk_extent_range_discard(const struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;
	struct inode *inode = range->file->f_mapping->host;
	loff_t first = range->offset;
	loff_t end = first + range->length;

	/* A disk discards whole blocks only: those within the range. */
	if (S_ISBLK(inode->i_mode)) {
		unsigned int block = bdev_logical_block_size(I_BDEV(inode));

		first = round_up(first, block);
		end = round_down(end, block);
	}
	if (first >= end)
		return 0;
	return vfs_fallocate(range->file,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first,
			     end - first);
}

int userblk_extent_range_act(struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;

	if (!range->file)
		return 0;
	switch (io->slot->op) {
	case USERBLK_OP_FLUSH:
		return vfs_fsync(range->file, 1);
	case USERBLK_OP_DISCARD:
		return userblk_extent_range_discard(io);
	default:
		return userblk_extent_range_zero(io);
	}
}
