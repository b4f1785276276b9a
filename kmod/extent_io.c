// SPDX-License-Identifier: GPL-2.0
#include "extent_io.h"

#include <linux/backing-dev.h>
#include <linux/fsnotify.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "extent_pages.h"
#include "extent_range.h"
#include "queue.h"

/* --------------------------------------------------------- reading, writing */

static void
userblk_extent_io_transferred(struct userblk_extent_io *io, long ret,
			      struct userblk_completions *completions);

/*
 * Keeps the worker's identity and the file for contexts that continue when it
 * may be gone. Runs in the worker, before that is possible.
 */
static void userblk_extent_io_remember(struct userblk_extent_io *io)
{
	if (io->borrows)
		userblk_file_range_hold(&io->range);
	io->borrows = false;
	userblk_identity_remember(io->identity);
}

static void userblk_extent_io_complete(struct kiocb *iocb, long ret)
{
	struct userblk_extent_io *io =
		container_of(iocb, struct userblk_extent_io, iocb);

	io->ret = ret;
	if (atomic_dec_and_test(&io->refs))
		userblk_extent_io_transferred(io, ret, NULL);
}

/*
 * Is it aligned for direct I/O, with these bits in its pieces' offsets and
 * lengths? The file itself may require more.
 */
static bool userblk_extent_io_is_aligned(const struct userblk_extent_io *io,
					 unsigned int bits)
{
	struct block_device *bdev = userblk_redirect_file_bdev(io->range.file);
	unsigned int block = bdev ? bdev_logical_block_size(bdev) : SECTOR_SIZE;

	return !((bits | (io->range.offset + io->moved)) & (block - 1));
}

/*
 * False: the I/O has to go through the page cache of a disk after all, and a
 * worker does not wait for that.
 */
static bool userblk_extent_io_init_iocb(struct userblk_extent_io *io,
					bool writes, unsigned int bits)
{
	struct kiocb *iocb = &io->iocb;

	userblk_extent_io_set_iocb(io);
	if (writes && io->slot->flags & USERBLK_REQ_FUA)
		iocb->ki_flags |= IOCB_DSYNC;
	if (!io->blocking && io->range.file->f_mode & FMODE_NOWAIT) {
		iocb->ki_flags |= IOCB_NOWAIT;
		/* Readahead may wait for room in a disk's queue. */
		if (!writes)
			iocb->ki_flags |= IOCB_NOIO;
	}
	if (likely(!(iocb->ki_flags & IOCB_DIRECT)))
		return true;
	if (io->buffered || !userblk_extent_io_is_aligned(io, bits)) {
		iocb->ki_flags &= ~IOCB_DIRECT;
		return !writes || io->blocking ||
		       userblk_extent_io_is_in_memory(io);
	}
	iocb->ki_complete = userblk_extent_io_complete;
	return true;
}

/*
 * tmpfs lets one task at a time write to a file. A worker does not wait for it:
 * that task may be waiting for this device, to read what it writes. Apart from
 * the trylock this is tmpfs's own write_iter.
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
	bool writes = io->slot->op == USERBLK_OP_WRITE;
	struct file *file = io->range.file;
	struct iov_iter iter __uninitialized;
	unsigned int bits;
	bool sync;
	long ret;

	bits = userblk_extent_pages_iter(io, &iter,
					 writes ? ITER_SOURCE : ITER_DEST);
	if (!file) {
		ret = iov_iter_zero(iov_iter_count(&iter), &iter);
		userblk_extent_io_transferred(io, ret, completions);
		return;
	}
	if (!userblk_extent_io_init_iocb(io, writes, bits) ||
	    (writes && !userblk_extent_io_start_write(io))) {
		userblk_extent_io_defer(io);
		return;
	}
	sync = is_sync_kiocb(&io->iocb);
	if (!sync) {
		userblk_extent_io_remember(io);
		/* Submitter and completion both use the pages. */
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

/*
 * Does anybody watch the file? May run in an interrupt. Marks on a whole mount
 * are not visible from here.
 */
static bool userblk_extent_io_is_heard(const struct userblk_extent_io *io)
{
	u32 mask = io->slot->op == USERBLK_OP_READ ? FS_ACCESS : FS_MODIFY;
	const struct dentry *dentry = io->range.file->f_path.dentry;
	const struct inode *inode = d_inode(dentry);

	if (likely(!fsnotify_sb_has_watchers(inode->i_sb)))
		return false;
	return READ_ONCE(dentry->d_flags) & DCACHE_FSNOTIFY_PARENT_WATCHED ||
	       (READ_ONCE(inode->i_fsnotify_mask) |
		READ_ONCE(inode->i_sb->s_fsnotify_mask)) &
		       mask;
}

/*
 * Everything is transferred. After a completion the workqueue notifies the
 * watchers.
 */
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
	io->done(io, 0, completions);
}

/* ------------------------------------------------------------------ steps */

static bool userblk_extent_io_moves_data(const struct userblk_extent_io *io)
{
	return io->slot->op <= USERBLK_OP_WRITE;
}

static void userblk_extent_io_go(struct userblk_extent_io *io,
				 struct userblk_completions *completions)
{
	if (!userblk_extent_io_moves_data(io)) {
		io->done(io, userblk_extent_range_act(io), completions);
	} else if (unlikely(io->moved >= io->range.length)) {
		userblk_extent_io_tell(io);
		io->done(io, 0, completions);
	} else {
		userblk_extent_io_transfer(io, completions);
	}
}

/* Runs with the worker's credentials and cgroups. */
static void userblk_extent_io_work(struct work_struct *work)
{
	struct userblk_extent_io *io =
		container_of(work, struct userblk_extent_io, work);
	struct userblk_guise guise;

	userblk_guise_assume(&guise, io->identity);
	/* The extent may be gone after this. */
	userblk_extent_io_go(io, NULL);
	userblk_guise_resign(&guise);
}

/* Runs in the worker or, once identity and file are kept, in a completion. */
static void userblk_extent_io_defer(struct userblk_extent_io *io)
{
	userblk_extent_pages_drop(io);
	userblk_extent_io_remember(io);
	io->blocking = true;
	queue_work(io->slot->hwq->queue->redirect_wq, &io->work);
}

/* Did it stop because it must not block, or for a signal to the worker? */
static bool userblk_extent_io_was_hurried(const struct userblk_extent_io *io,
					  long ret)
{
	if (io->blocking)
		return false;
	return ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS ||
	       ret == -EOPNOTSUPP;
}

/* An I/O has ended. Any context; the workqueue does what is left. */
static void
userblk_extent_io_transferred(struct userblk_extent_io *io, long ret,
			      struct userblk_completions *completions)
{
	if (io->range.file && io->slot->op == USERBLK_OP_WRITE)
		userblk_extent_io_end_write(io);
	if (io->bvecs)
		userblk_extent_pages_drop(io);
	if (ret > 0) {
		io->moved += ret;
		if (likely(io->moved >= io->range.length))
			userblk_extent_io_over(io, completions);
		else
			userblk_extent_io_defer(io);
	} else if (userblk_extent_io_was_hurried(io, ret)) {
		userblk_extent_io_defer(io);
	} else if (ret == -EINVAL && io->iocb.ki_flags & IOCB_DIRECT) {
		/* The file requires more alignment than its disk. */
		io->buffered = true;
		userblk_extent_io_defer(io);
	} else {
		/* 0 is the end of the file, where there should be data. */
		io->done(io, ret ?: -EIO, completions);
	}
}

/* The memory is present, so the I/O does not even wait for memory. */
static bool userblk_extent_io_is_at_hand(const struct userblk_extent_io *io)
{
	struct inode *inode = io->range.file->f_mapping->host;

	if (io->slot->op == USERBLK_OP_READ)
		return !READ_ONCE(SHMEM_I(inode)->swapped);
	return io->range.offset + io->range.length <= i_size_read(inode) &&
	       READ_ONCE(inode->i_mapping->nrpages) >=
		       DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
}

/*
 * IOCB_NOWAIT does not cover the access time: to record it, a file system may
 * wait for its journal.
 */
static bool userblk_extent_io_notes_access(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return !(file->f_flags & O_NOATIME) && !(inode->i_flags & S_NOATIME) &&
	       !IS_NOATIME(inode) &&
	       !(file->f_path.mnt->mnt_flags & (MNT_NOATIME | MNT_READONLY)) &&
	       inode->i_sb->s_bdi->capabilities & BDI_CAP_WRITEBACK;
}

/* How the worker can start an extent without being held up for long. */
enum userblk_extent_io_pace {
	USERBLK_PACE_INSTANT, /* never waits */
	USERBLK_PACE_PROMPT, /* may wait for memory or a journal: flush first */
	USERBLK_PACE_SLOW, /* only in the workqueue */
};

static enum userblk_extent_io_pace
userblk_extent_io_pace(const struct userblk_extent_io *io)
{
	const struct userblk_slot *slot = io->slot;
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
	/* The workqueue waits for frozen file systems. */
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
			    struct userblk_slot *slot,
			    struct userblk_identity *identity,
			    userblk_extent_io_done done)
{
	io->slot = slot;
	io->identity = identity;
	io->done = done;
	io->bvecs = NULL;
	INIT_WORK(&io->work, userblk_extent_io_work);
}
