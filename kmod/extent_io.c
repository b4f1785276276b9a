// SPDX-License-Identifier: GPL-2.0
#include "extent_io.h"

#include <linux/backing-dev.h>
#include <linux/blk-cgroup.h>
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/fsnotify.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/uio.h>

static struct userblk_slot *
userblk_extent_io_slot(const struct userblk_extent_io *io)
{
	return io->redirect->slot;
}

static bool userblk_extent_io_is_regular(const struct userblk_extent_io *io)
{
	return S_ISREG(file_inode(io->range.file)->i_mode);
}

/* Memory is as good as at hand, but for what it may have to be got from. */
static bool userblk_extent_io_is_in_memory(const struct userblk_extent_io *io)
{
	return shmem_mapping(io->range.file->f_mapping);
}

/* ------------------------------------------------- what is read and written */

/* What the bios from this one on are made of: counted, and noted if bvecs. */
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

static void userblk_extent_io_drop_bvecs(struct userblk_extent_io *io)
{
	kfree(io->bvecs);
	io->bvecs = NULL;
}

/* Within one bio its own table will do; skip is within it. */
static inline void userblk_extent_io_iter_bio(struct bio *bio,
					      struct iov_iter *iter,
					      unsigned int direction, u32 skip)
{
	const struct bio_vec *bvecs =
		__bvec_iter_bvec(bio->bi_io_vec, bio->bi_iter);
	struct bvec_iter at;
	unsigned int n = 0;
	struct bio_vec bv;

	if (bio->bi_iter.bi_size <= bvecs->bv_len - bio->bi_iter.bi_bvec_done)
		n = 1;
	else
		bio_for_each_bvec(bv, bio, at)
			n++;
	iov_iter_bvec(iter, direction, bvecs, n, bio->bi_iter.bi_size);
	iter->iov_offset = bio->bi_iter.bi_bvec_done;
	if (skip)
		iov_iter_advance(iter, skip);
}

/*
 * The pages of what is left to be done, or, for lack of memory, of the first
 * piece of that.
 */
static void userblk_extent_io_iter(struct userblk_extent_io *io,
				   struct iov_iter *iter,
				   unsigned int direction)
{
	struct bio *bio = userblk_extent_io_slot(io)->bio;
	u32 left = io->range.length - io->done;
	u32 skip = io->first + io->done;
	unsigned int n;

	if (likely(!skip && left == bio->bi_iter.bi_size)) {
		userblk_extent_io_iter_bio(bio, iter, direction, 0);
		return;
	}
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
		userblk_extent_io_iter_bio(bio, iter, direction, skip);
	}
	iov_iter_truncate(iter, left);
}

/* --------------------------------------------------------- reading, writing */

static void
userblk_extent_io_transferred(struct userblk_extent_io *io, long ret,
			      struct userblk_completions *completions);

static void userblk_extent_io_complete(struct kiocb *iocb, long ret)
{
	struct userblk_extent_io *io =
		container_of(iocb, struct userblk_extent_io, iocb);

	io->ret = ret;
	if (atomic_dec_and_test(&io->refs))
		userblk_extent_io_transferred(io, ret, NULL);
}

/* Does it fit what direct I/O asks for? The file itself may ask for more. */
static bool userblk_extent_io_is_aligned(const struct userblk_extent_io *io,
					 const struct iov_iter *iter)
{
	struct block_device *bdev = userblk_redirect_file_bdev(io->range.file);
	unsigned int block = bdev ? bdev_logical_block_size(bdev) : SECTOR_SIZE;

	return !((iov_iter_alignment(iter) | (io->range.offset + io->done)) &
		 (block - 1));
}

/*
 * With the priority of the request, whoever carries it out, and to the place
 * that was named, whatever has become of the file's flags since.
 */
static void userblk_extent_io_set_iocb(struct userblk_extent_io *io)
{
	struct kiocb *iocb = &io->iocb;

	iocb->ki_filp = io->range.file;
	iocb->ki_pos = io->range.offset + io->done;
	iocb->ki_complete = NULL;
	iocb->private = NULL;
	iocb->ki_flags = io->range.file->f_iocb_flags & ~IOCB_APPEND;
	iocb->ki_ioprio = userblk_extent_io_slot(io)->bio->bi_ioprio;
	iocb->ki_waitq = NULL;
}

/*
 * False: it has to go through the page cache of a disk, contrary to what its
 * pace was chosen for, and a worker does not wait for that.
 */
static bool userblk_extent_io_init_iocb(struct userblk_extent_io *io,
					bool writes,
					const struct iov_iter *iter)
{
	struct kiocb *iocb = &io->iocb;

	userblk_extent_io_set_iocb(io);
	if (writes && userblk_extent_io_slot(io)->flags & USERBLK_REQ_FUA)
		iocb->ki_flags |= IOCB_DSYNC;
	if (!io->blocking && io->range.file->f_mode & FMODE_NOWAIT) {
		iocb->ki_flags |= IOCB_NOWAIT;
		/* To read ahead is to wait for room in a disk's queue. */
		if (!writes)
			iocb->ki_flags |= IOCB_NOIO;
	}
	if (likely(!(iocb->ki_flags & IOCB_DIRECT)))
		return true;
	if (io->buffered || !userblk_extent_io_is_aligned(io, iter)) {
		iocb->ki_flags &= ~IOCB_DIRECT;
		return !writes || io->blocking ||
		       userblk_extent_io_is_in_memory(io);
	}
	iocb->ki_complete = userblk_extent_io_complete;
	return true;
}

/*
 * As file_start_write(), whose end may come in another context. False: the file
 * system is frozen, for which a worker does not wait.
 */
static inline bool
userblk_extent_io_start_write(const struct userblk_extent_io *io)
{
	struct super_block *sb = file_inode(io->range.file)->i_sb;

	if (!userblk_extent_io_is_regular(io))
		return true;
	if (io->blocking)
		sb_start_write(sb);
	else if (!sb_start_write_trylock(sb))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

static inline void
userblk_extent_io_end_write(const struct userblk_extent_io *io)
{
	struct super_block *sb = file_inode(io->range.file)->i_sb;

	if (!userblk_extent_io_is_regular(io))
		return;
	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}

/*
 * tmpfs lets one at a time write to a file, for whom a worker does not wait: he
 * may be waiting for this device, to read what he writes. But for that this is
 * what its write_iter does.
 */
static long userblk_extent_io_write_memory(struct userblk_extent_io *io,
					   struct iov_iter *iter)
{
	struct file *file = io->range.file;
	struct inode *inode = file_inode(file);
	long ret;

	if (!inode_trylock(inode))
		return -EAGAIN;
	ret = generic_write_checks(&io->iocb, iter);
	if (ret > 0)
		ret = file_remove_privs(file)	     ?:
			      file_update_time(file) ?:
			      generic_perform_write(&io->iocb, iter);
	inode_unlock(inode);
	return ret;
}

static inline long userblk_extent_io_submit(struct userblk_extent_io *io,
					    bool writes, struct iov_iter *iter)
{
	const struct file_operations *op = io->range.file->f_op;

	if (!writes)
		return op->read_iter(&io->iocb, iter);
	if (!io->blocking && userblk_extent_io_is_in_memory(io))
		return userblk_extent_io_write_memory(io, iter);
	return op->write_iter(&io->iocb, iter);
}

static void userblk_extent_io_defer(struct userblk_extent_io *io);

static void userblk_extent_io_transfer(struct userblk_extent_io *io,
				       struct userblk_completions *completions)
{
	bool writes = userblk_extent_io_slot(io)->op == USERBLK_OP_WRITE;
	struct file *file = io->range.file;
	struct iov_iter iter __uninitialized;
	bool sync;
	long ret;

	userblk_extent_io_iter(io, &iter, writes ? ITER_SOURCE : ITER_DEST);
	if (!file) {
		ret = iov_iter_zero(iov_iter_count(&iter), &iter);
		userblk_extent_io_transferred(io, ret, completions);
		return;
	}
	if (!userblk_extent_io_init_iocb(io, writes, &iter) ||
	    (writes && !userblk_extent_io_start_write(io))) {
		userblk_extent_io_defer(io);
		return;
	}
	sync = is_sync_kiocb(&io->iocb);
	if (!sync) {
		userblk_redirect_remember(io->redirect);
		/* The pages are looked at until both are through with them. */
		atomic_set(&io->refs, 2);
	}
	ret = userblk_extent_io_submit(io, writes, &iter);
	if (sync) {
		userblk_extent_io_transferred(io, ret, completions);
		return;
	}
	if (ret != -EIOCBQUEUED)
		userblk_extent_io_complete(&io->iocb, ret);
	if (atomic_dec_and_test(&io->refs))
		userblk_extent_io_transferred(io, io->ret, completions);
}

/* ---------------------------------------------------------------- watchers */

/* As read() and write() do. Sleeps at most for memory. */
static void userblk_extent_io_tell(const struct userblk_extent_io *io)
{
	if (userblk_extent_io_slot(io)->op == USERBLK_OP_READ)
		fsnotify_access(io->range.file);
	else
		fsnotify_modify(io->range.file);
}

/*
 * Would anybody hear of it? What asks may be an interrupt. Marks of a mount as a
 * whole cannot be seen from here.
 */
static bool userblk_extent_io_is_heard(const struct userblk_extent_io *io)
{
	u32 mask = userblk_extent_io_slot(io)->op == USERBLK_OP_READ ?
			   FS_ACCESS :
			   FS_MODIFY;
	const struct dentry *dentry = io->range.file->f_path.dentry;
	const struct inode *inode = d_inode(dentry);

	if (likely(!fsnotify_sb_has_watchers(inode->i_sb)))
		return false;
	return READ_ONCE(dentry->d_flags) & DCACHE_FSNOTIFY_PARENT_WATCHED ||
	       (READ_ONCE(inode->i_fsnotify_mask) |
		READ_ONCE(inode->i_sb->s_fsnotify_mask)) &
		       mask;
}

/* All of it is transferred. What ended in a completion is told by a work. */
static void userblk_extent_io_over(struct userblk_extent_io *io,
				   struct userblk_completions *completions)
{
	if (io->range.file) {
		if (is_sync_kiocb(&io->iocb)) {
			userblk_extent_io_tell(io);
		} else if (unlikely(userblk_extent_io_is_heard(io))) {
			userblk_extent_io_defer(io);
			return;
		}
	}
	userblk_extent_io_done(io, 0, completions);
}

/* ------------------------------------------------- what moves no data */

static long userblk_extent_io_write_zeroes(struct userblk_extent_io *io)
{
	u32 left = io->range.length - io->done;
	struct bio_vec bvecs[16];
	struct iov_iter iter;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(bvecs) && left; n++) {
		bvec_set_page(&bvecs[n], ZERO_PAGE(0),
			      min_t(u32, left, PAGE_SIZE), 0);
		left -= bvecs[n].bv_len;
	}
	left = io->range.length - io->done - left;
	iov_iter_bvec(&iter, ITER_SOURCE, bvecs, n, left);
	userblk_extent_io_set_iocb(io);
	io->iocb.ki_flags &= ~IOCB_DIRECT;
	return io->range.file->f_op->write_iter(&io->iocb, &iter);
}

static int userblk_extent_io_write_all_zeroes(struct userblk_extent_io *io)
{
	long ret = 0;

	userblk_extent_io_start_write(io);
	while (io->done < io->range.length) {
		ret = userblk_extent_io_write_zeroes(io);
		if (ret <= 0)
			break;
		io->done += ret;
		cond_resched();
	}
	userblk_extent_io_end_write(io);
	if (io->done)
		userblk_extent_io_tell(io);
	return io->done < io->range.length ? ret ?: -EIO : 0;
}

/* Zeros behind the file's end could not be read: its new end is written. */
static int userblk_extent_io_write_end(struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;

	if (!userblk_extent_io_is_regular(io) ||
	    i_size_read(range->file->f_mapping->host) >=
		    range->offset + range->length)
		return 0;
	io->done = range->length - min_t(u32, range->length, SECTOR_SIZE);
	return userblk_extent_io_write_all_zeroes(io);
}

/* Of what goes beyond its end a disk zeroes a part, and says nothing. */
static bool userblk_extent_io_is_beyond_disk(const struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;
	struct inode *inode = range->file->f_mapping->host;

	return S_ISBLK(inode->i_mode) &&
	       range->offset + range->length > i_size_read(inode);
}

static int userblk_extent_io_zero(struct userblk_extent_io *io)
{
	struct userblk_slot *slot = userblk_extent_io_slot(io);
	const struct userblk_file_range *range = &io->range;
	int mode = slot->flags & USERBLK_REQ_NOUNMAP ? FALLOC_FL_ZERO_RANGE :
						       FALLOC_FL_PUNCH_HOLE;
	int err;

	if (userblk_extent_io_is_beyond_disk(io))
		return -ENOSPC;
	err = vfs_fallocate(range->file, mode | FALLOC_FL_KEEP_SIZE,
			    range->offset, range->length);
	/* A disk zeroes whole blocks only. */
	if (err == -EOPNOTSUPP || err == -EINVAL)
		err = userblk_extent_io_write_all_zeroes(io);
	else if (!err)
		err = userblk_extent_io_write_end(io);
	if (!err && slot->flags & USERBLK_REQ_FUA)
		err = vfs_fsync(range->file, 1);
	return err;
}

static int userblk_extent_io_discard(const struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;
	struct inode *inode = range->file->f_mapping->host;
	loff_t first = range->offset;
	loff_t end = first + range->length;

	/* A disk discards whole blocks: those that lie within. */
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

static int userblk_extent_io_act(struct userblk_extent_io *io)
{
	const struct userblk_file_range *range = &io->range;

	if (!range->file)
		return 0;
	switch (userblk_extent_io_slot(io)->op) {
	case USERBLK_OP_FLUSH:
		return vfs_fsync(range->file, 1);
	case USERBLK_OP_DISCARD:
		return userblk_extent_io_discard(io);
	default:
		return userblk_extent_io_zero(io);
	}
}

/* --------------------------------------------------------------- in order */

static bool userblk_extent_io_moves_data(const struct userblk_extent_io *io)
{
	return userblk_extent_io_slot(io)->op <= USERBLK_OP_WRITE;
}

static void userblk_extent_io_go(struct userblk_extent_io *io,
				 struct userblk_completions *completions)
{
	if (!userblk_extent_io_moves_data(io)) {
		userblk_extent_io_done(io, userblk_extent_io_act(io),
				       completions);
	} else if (unlikely(io->done >= io->range.length)) {
		userblk_extent_io_tell(io);
		userblk_extent_io_done(io, 0, completions);
	} else {
		userblk_extent_io_transfer(io, completions);
	}
}

/* In the name of the worker, as far as others count and look. */
static void userblk_extent_io_work(struct work_struct *work)
{
	struct userblk_extent_io *io =
		container_of(work, struct userblk_extent_io, work);
	struct cgroup_subsys_state *blkcg = io->redirect->blkcg;
	struct cgroup_subsys_state *memory = NULL;
	const struct cred *cred = get_cred(io->redirect->cred);
	struct mem_cgroup *old_memory = NULL;
	unsigned int flags = current->flags;
	const struct cred *old_cred;

	/* This is writeback's own way: it must not wait for writeback. */
	current->flags |= PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO;
	old_cred = override_creds(cred);
#ifdef CONFIG_BLK_CGROUP
	css_get(blkcg);
	kthread_associate_blkcg(blkcg);
#ifdef CONFIG_MEMCG
	memory = cgroup_get_e_css(blkcg->cgroup, &memory_cgrp_subsys);
	old_memory = set_active_memcg(mem_cgroup_from_css(memory));
#endif
#endif
	/* The extent may be gone after this. */
	userblk_extent_io_go(io, NULL);
#ifdef CONFIG_BLK_CGROUP
#ifdef CONFIG_MEMCG
	set_active_memcg(old_memory);
	if (memory)
		css_put(memory);
#endif
	kthread_associate_blkcg(NULL);
	css_put(blkcg);
#endif
	revert_creds(old_cred);
	put_cred(cred);
	current_restore_flags(flags, PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO);
}

/* In the worker still, or after what was done in advance of a completion. */
static void userblk_extent_io_defer(struct userblk_extent_io *io)
{
	userblk_extent_io_drop_bvecs(io);
	userblk_redirect_remember(io->redirect);
	io->blocking = true;
	queue_work(userblk_extent_io_slot(io)->hwq->queue->redirect_wq,
		   &io->work);
}

/* Stopped for a reason that is the worker's, or for want of blocking. */
static bool userblk_extent_io_was_hurried(const struct userblk_extent_io *io,
					  long ret)
{
	if (io->blocking)
		return false;
	return ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS ||
	       ret == -EOPNOTSUPP;
}

/* An I/O has ended, in any context; what is left is done by the work queue. */
static void
userblk_extent_io_transferred(struct userblk_extent_io *io, long ret,
			      struct userblk_completions *completions)
{
	if (io->range.file &&
	    userblk_extent_io_slot(io)->op == USERBLK_OP_WRITE)
		userblk_extent_io_end_write(io);
	if (io->bvecs)
		userblk_extent_io_drop_bvecs(io);
	if (ret > 0) {
		io->done += ret;
		if (likely(io->done >= io->range.length))
			userblk_extent_io_over(io, completions);
		else
			userblk_extent_io_defer(io);
	} else if (userblk_extent_io_was_hurried(io, ret)) {
		userblk_extent_io_defer(io);
	} else if (ret == -EINVAL && io->iocb.ki_flags & IOCB_DIRECT) {
		/* The file wants more alignment than its disk. */
		io->buffered = true;
		userblk_extent_io_defer(io);
	} else {
		/* 0 is the end of the file, where there should be data. */
		userblk_extent_io_done(io, ret ?: -EIO, completions);
	}
}

/* Memory that is there, so that not even memory is waited for. */
static bool userblk_extent_io_is_at_hand(const struct userblk_extent_io *io)
{
	struct inode *inode = io->range.file->f_mapping->host;

	if (userblk_extent_io_slot(io)->op == USERBLK_OP_READ)
		return !READ_ONCE(SHMEM_I(inode)->swapped);
	return io->range.offset + io->range.length <= i_size_read(inode) &&
	       READ_ONCE(inode->i_mapping->nrpages) >=
		       DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
}

/*
 * IOCB_NOWAIT says nothing of the time of access, which a file system may note
 * after having waited for its journal.
 */
static bool userblk_extent_io_notes_access(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return !(file->f_flags & O_NOATIME) && !(inode->i_flags & S_NOATIME) &&
	       !IS_NOATIME(inode) &&
	       !(file->f_path.mnt->mnt_flags & (MNT_NOATIME | MNT_READONLY)) &&
	       inode->i_sb->s_bdi->capabilities & BDI_CAP_WRITEBACK;
}

/* How an extent can be begun by the worker, which is not to be held up for long. */
enum userblk_extent_io_pace {
	USERBLK_PACE_INSTANT, /* certainly without waiting */
	USERBLK_PACE_PROMPT, /* for memory or a journal, with empty hands */
	USERBLK_PACE_SLOW, /* not by the worker */
};

static enum userblk_extent_io_pace
userblk_extent_io_pace(const struct userblk_extent_io *io)
{
	const struct userblk_slot *slot = userblk_extent_io_slot(io);
	const struct file *file = io->range.file;

	if (!file)
		return USERBLK_PACE_INSTANT;
	if (!userblk_extent_io_moves_data(io))
		return USERBLK_PACE_SLOW;
	if (userblk_extent_io_is_in_memory(io))
		return userblk_extent_io_is_at_hand(io) ? USERBLK_PACE_INSTANT :
							  USERBLK_PACE_PROMPT;
	if (!(file->f_mode & FMODE_NOWAIT))
		return USERBLK_PACE_SLOW;
	if (slot->op == USERBLK_OP_READ)
		return userblk_extent_io_notes_access(file) ?
			       USERBLK_PACE_PROMPT :
			       USERBLK_PACE_INSTANT;
	/* A frozen file system is waited for by others. */
	if (file->f_flags & O_DIRECT && !(slot->flags & USERBLK_REQ_FUA) &&
	    file_inode(file)->i_sb->s_writers.frozen == SB_UNFROZEN)
		return USERBLK_PACE_INSTANT;
	return USERBLK_PACE_SLOW;
}

void userblk_extent_io_start(struct userblk_extent_io *io,
			     struct userblk_completions *completions)
{
	enum userblk_extent_io_pace pace = userblk_extent_io_pace(io);
	unsigned int noio;

	if (pace == USERBLK_PACE_SLOW) {
		userblk_extent_io_defer(io);
		return;
	}
	if (pace == USERBLK_PACE_PROMPT)
		userblk_completions_flush(completions);
	noio = memalloc_noio_save();
	userblk_extent_io_go(io, completions);
	memalloc_noio_restore(noio);
}

void userblk_extent_io_init(struct userblk_extent_io *io,
			    struct userblk_redirect *redirect)
{
	io->redirect = redirect;
	io->bvecs = NULL;
	INIT_WORK(&io->work, userblk_extent_io_work);
}
