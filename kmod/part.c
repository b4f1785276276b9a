// SPDX-License-Identifier: GPL-2.0
#include "part.h"

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

static struct userblk_slot *userblk_part_slot(const struct userblk_part *part)
{
	return part->redirect->slot;
}

static bool userblk_part_is_regular(const struct userblk_part *part)
{
	return S_ISREG(file_inode(part->target.file)->i_mode);
}

/* Memory is as good as at hand, but for what it may have to be got from. */
static bool userblk_part_is_in_memory(const struct userblk_part *part)
{
	return shmem_mapping(part->target.file->f_mapping);
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

static void userblk_part_drop_bvecs(struct userblk_part *part)
{
	kfree(part->bvecs);
	part->bvecs = NULL;
}

/* Within one bio its own table will do; skip is within it. */
static inline void userblk_part_iter_bio(struct bio *bio, struct iov_iter *iter,
					 unsigned int direction, u32 skip)
{
	const struct bio_vec *bvecs = __bvec_iter_bvec(bio->bi_io_vec,
						       bio->bi_iter);
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
static void userblk_part_iter(struct userblk_part *part, struct iov_iter *iter,
			      unsigned int direction)
{
	struct bio *bio = userblk_part_slot(part)->bio;
	u32 left = part->target.length - part->done;
	u32 skip = part->first + part->done;
	unsigned int n;

	if (likely(!skip && left == bio->bi_iter.bi_size)) {
		userblk_part_iter_bio(bio, iter, direction, 0);
		return;
	}
	while (skip >= bio->bi_iter.bi_size) {
		skip -= bio->bi_iter.bi_size;
		bio = bio->bi_next;
	}
	if (left > bio->bi_iter.bi_size - skip) {
		n = userblk_bios_bvecs(bio, NULL);
		part->bvecs = kmalloc_array(n, sizeof(*part->bvecs),
					    GFP_NOIO | __GFP_NOWARN |
					    __GFP_NORETRY);
	}
	if (part->bvecs) {
		userblk_bios_bvecs(bio, part->bvecs);
		iov_iter_bvec(iter, direction, part->bvecs, n, skip + left);
		iov_iter_advance(iter, skip);
	} else {
		userblk_part_iter_bio(bio, iter, direction, skip);
	}
	iov_iter_truncate(iter, left);
}

/* --------------------------------------------------------- reading, writing */

static void userblk_part_transferred(struct userblk_part *part, long ret,
				     struct userblk_ends *ends);

static void userblk_part_complete(struct kiocb *iocb, long ret)
{
	struct userblk_part *part =
		container_of(iocb, struct userblk_part, iocb);

	part->ret = ret;
	if (atomic_dec_and_test(&part->refs))
		userblk_part_transferred(part, ret, NULL);
}

/* Does it fit what direct I/O asks for? The file itself may ask for more. */
static bool userblk_part_is_aligned(const struct userblk_part *part,
				    const struct iov_iter *iter)
{
	struct block_device *bdev = userblk_target_bdev(part->target.file);
	unsigned int block = bdev ? bdev_logical_block_size(bdev) :
				    SECTOR_SIZE;

	return !((iov_iter_alignment(iter) |
		  (part->target.offset + part->done)) & (block - 1));
}

/*
 * With the priority of the request, whoever carries it out, and to the place
 * that was named, whatever has become of the file's flags since.
 */
static void userblk_part_set_iocb(struct userblk_part *part)
{
	struct kiocb *iocb = &part->iocb;

	iocb->ki_filp = part->target.file;
	iocb->ki_pos = part->target.offset + part->done;
	iocb->ki_complete = NULL;
	iocb->private = NULL;
	iocb->ki_flags = part->target.file->f_iocb_flags & ~IOCB_APPEND;
	iocb->ki_ioprio = userblk_part_slot(part)->bio->bi_ioprio;
	iocb->ki_waitq = NULL;
}

/*
 * False: it has to go through the page cache of a disk, contrary to what its
 * pace was chosen for, and a worker does not wait for that.
 */
static bool userblk_part_init_iocb(struct userblk_part *part, bool writes,
				   const struct iov_iter *iter)
{
	struct kiocb *iocb = &part->iocb;

	userblk_part_set_iocb(part);
	if (writes && userblk_part_slot(part)->flags & USERBLK_REQ_FUA)
		iocb->ki_flags |= IOCB_DSYNC;
	if (!part->blocking && part->target.file->f_mode & FMODE_NOWAIT) {
		iocb->ki_flags |= IOCB_NOWAIT;
		/* To read ahead is to wait for room in a disk's queue. */
		if (!writes)
			iocb->ki_flags |= IOCB_NOIO;
	}
	if (likely(!(iocb->ki_flags & IOCB_DIRECT)))
		return true;
	if (part->buffered || !userblk_part_is_aligned(part, iter)) {
		iocb->ki_flags &= ~IOCB_DIRECT;
		return !writes || part->blocking ||
		       userblk_part_is_in_memory(part);
	}
	iocb->ki_complete = userblk_part_complete;
	return true;
}

/*
 * As file_start_write(), whose end may come in another context. False: the file
 * system is frozen, for which a worker does not wait.
 */
static inline bool userblk_part_start_write(const struct userblk_part *part)
{
	struct super_block *sb = file_inode(part->target.file)->i_sb;

	if (!userblk_part_is_regular(part))
		return true;
	if (part->blocking)
		sb_start_write(sb);
	else if (!sb_start_write_trylock(sb))
		return false;
	__sb_writers_release(sb, SB_FREEZE_WRITE);
	return true;
}

static inline void userblk_part_end_write(const struct userblk_part *part)
{
	struct super_block *sb = file_inode(part->target.file)->i_sb;

	if (!userblk_part_is_regular(part))
		return;
	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
}

/*
 * tmpfs lets one at a time write to a file, for whom a worker does not wait: he
 * may be waiting for this device, to read what he writes. But for that this is
 * what its write_iter does.
 */
static long userblk_part_write_memory(struct userblk_part *part,
				      struct iov_iter *iter)
{
	struct file *file = part->target.file;
	struct inode *inode = file_inode(file);
	long ret;

	if (!inode_trylock(inode))
		return -EAGAIN;
	ret = generic_write_checks(&part->iocb, iter);
	if (ret > 0)
		ret = file_remove_privs(file) ?: file_update_time(file) ?:
		      generic_perform_write(&part->iocb, iter);
	inode_unlock(inode);
	return ret;
}

static inline long userblk_part_submit(struct userblk_part *part, bool writes,
				       struct iov_iter *iter)
{
	const struct file_operations *op = part->target.file->f_op;

	if (!writes)
		return op->read_iter(&part->iocb, iter);
	if (!part->blocking && userblk_part_is_in_memory(part))
		return userblk_part_write_memory(part, iter);
	return op->write_iter(&part->iocb, iter);
}

static void userblk_part_defer(struct userblk_part *part);

static void userblk_part_transfer(struct userblk_part *part,
				  struct userblk_ends *ends)
{
	bool writes = userblk_part_slot(part)->op == USERBLK_OP_WRITE;
	struct file *file = part->target.file;
	struct iov_iter iter __uninitialized;
	bool sync;
	long ret;

	userblk_part_iter(part, &iter, writes ? ITER_SOURCE : ITER_DEST);
	if (!file) {
		ret = iov_iter_zero(iov_iter_count(&iter), &iter);
		userblk_part_transferred(part, ret, ends);
		return;
	}
	if (!userblk_part_init_iocb(part, writes, &iter) ||
	    (writes && !userblk_part_start_write(part))) {
		userblk_part_defer(part);
		return;
	}
	sync = is_sync_kiocb(&part->iocb);
	if (!sync) {
		userblk_redirect_remember(part->redirect);
		/* The pages are looked at until both are through with them. */
		atomic_set(&part->refs, 2);
	}
	ret = userblk_part_submit(part, writes, &iter);
	if (sync) {
		userblk_part_transferred(part, ret, ends);
		return;
	}
	if (ret != -EIOCBQUEUED)
		userblk_part_complete(&part->iocb, ret);
	if (atomic_dec_and_test(&part->refs))
		userblk_part_transferred(part, part->ret, ends);
}

/* ---------------------------------------------------------------- watchers */

/* As read() and write() do. Sleeps at most for memory. */
static void userblk_part_tell(const struct userblk_part *part)
{
	if (userblk_part_slot(part)->op == USERBLK_OP_READ)
		fsnotify_access(part->target.file);
	else
		fsnotify_modify(part->target.file);
}

/*
 * Would anybody hear of it? What asks may be an interrupt. Marks of a mount as a
 * whole cannot be seen from here.
 */
static bool userblk_part_is_heard(const struct userblk_part *part)
{
	u32 mask = userblk_part_slot(part)->op == USERBLK_OP_READ ? FS_ACCESS :
								    FS_MODIFY;
	const struct dentry *dentry = part->target.file->f_path.dentry;
	const struct inode *inode = d_inode(dentry);

	if (likely(!fsnotify_sb_has_watchers(inode->i_sb)))
		return false;
	return READ_ONCE(dentry->d_flags) & DCACHE_FSNOTIFY_PARENT_WATCHED ||
	       (READ_ONCE(inode->i_fsnotify_mask) |
		READ_ONCE(inode->i_sb->s_fsnotify_mask)) & mask;
}

/* All of it is transferred. What ended in a completion is told by a work. */
static void userblk_part_over(struct userblk_part *part,
			      struct userblk_ends *ends)
{
	if (part->target.file) {
		if (is_sync_kiocb(&part->iocb)) {
			userblk_part_tell(part);
		} else if (unlikely(userblk_part_is_heard(part))) {
			userblk_part_defer(part);
			return;
		}
	}
	userblk_redirect_part_done(part, 0, ends);
}

/* ------------------------------------------------- what moves no data */

static long userblk_part_write_zeroes(struct userblk_part *part)
{
	u32 left = part->target.length - part->done;
	struct bio_vec bvecs[16];
	struct iov_iter iter;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(bvecs) && left; n++) {
		bvec_set_page(&bvecs[n], ZERO_PAGE(0),
			      min_t(u32, left, PAGE_SIZE), 0);
		left -= bvecs[n].bv_len;
	}
	left = part->target.length - part->done - left;
	iov_iter_bvec(&iter, ITER_SOURCE, bvecs, n, left);
	userblk_part_set_iocb(part);
	part->iocb.ki_flags &= ~IOCB_DIRECT;
	return part->target.file->f_op->write_iter(&part->iocb, &iter);
}

static int userblk_part_write_all_zeroes(struct userblk_part *part)
{
	long ret = 0;

	userblk_part_start_write(part);
	while (part->done < part->target.length) {
		ret = userblk_part_write_zeroes(part);
		if (ret <= 0)
			break;
		part->done += ret;
		cond_resched();
	}
	userblk_part_end_write(part);
	if (part->done)
		userblk_part_tell(part);
	return part->done < part->target.length ? ret ?: -EIO : 0;
}

/* Zeros behind the file's end could not be read: its new end is written. */
static int userblk_part_write_end(struct userblk_part *part)
{
	const struct userblk_target *target = &part->target;

	if (!userblk_part_is_regular(part) ||
	    i_size_read(target->file->f_mapping->host) >=
	    target->offset + target->length)
		return 0;
	part->done = target->length - min_t(u32, target->length, SECTOR_SIZE);
	return userblk_part_write_all_zeroes(part);
}

/* Of what goes beyond its end a disk zeroes a part, and says nothing. */
static bool userblk_part_is_beyond_disk(const struct userblk_part *part)
{
	const struct userblk_target *target = &part->target;
	struct inode *inode = target->file->f_mapping->host;

	return S_ISBLK(inode->i_mode) &&
	       target->offset + target->length > i_size_read(inode);
}

static int userblk_part_zero(struct userblk_part *part)
{
	struct userblk_slot *slot = userblk_part_slot(part);
	const struct userblk_target *target = &part->target;
	int mode = slot->flags & USERBLK_REQ_NOUNMAP ? FALLOC_FL_ZERO_RANGE :
						       FALLOC_FL_PUNCH_HOLE;
	int err;

	if (userblk_part_is_beyond_disk(part))
		return -ENOSPC;
	err = vfs_fallocate(target->file, mode | FALLOC_FL_KEEP_SIZE,
			    target->offset, target->length);
	/* A disk zeroes whole blocks only. */
	if (err == -EOPNOTSUPP || err == -EINVAL)
		err = userblk_part_write_all_zeroes(part);
	else if (!err)
		err = userblk_part_write_end(part);
	if (!err && slot->flags & USERBLK_REQ_FUA)
		err = vfs_fsync(target->file, 1);
	return err;
}

static int userblk_part_discard(const struct userblk_part *part)
{
	const struct userblk_target *target = &part->target;
	struct inode *inode = target->file->f_mapping->host;
	loff_t first = target->offset;
	loff_t end = first + target->length;

	/* A disk discards whole blocks: those that lie within. */
	if (S_ISBLK(inode->i_mode)) {
		unsigned int block = bdev_logical_block_size(I_BDEV(inode));

		first = round_up(first, block);
		end = round_down(end, block);
	}
	if (first >= end)
		return 0;
	return vfs_fallocate(target->file,
			     FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, first,
			     end - first);
}

static int userblk_part_act(struct userblk_part *part)
{
	const struct userblk_target *target = &part->target;

	if (!target->file)
		return 0;
	switch (userblk_part_slot(part)->op) {
	case USERBLK_OP_FLUSH:
		return vfs_fsync(target->file, 1);
	case USERBLK_OP_DISCARD:
		return userblk_part_discard(part);
	default:
		return userblk_part_zero(part);
	}
}

/* --------------------------------------------------------------- in order */

static bool userblk_part_moves_data(const struct userblk_part *part)
{
	return userblk_part_slot(part)->op <= USERBLK_OP_WRITE;
}

static void userblk_part_go(struct userblk_part *part,
			    struct userblk_ends *ends)
{
	if (!userblk_part_moves_data(part)) {
		userblk_redirect_part_done(part, userblk_part_act(part), ends);
	} else if (unlikely(part->done >= part->target.length)) {
		userblk_part_tell(part);
		userblk_redirect_part_done(part, 0, ends);
	} else {
		userblk_part_transfer(part, ends);
	}
}

/* In the name of the worker, as far as others count and look. */
static void userblk_part_work(struct work_struct *work)
{
	struct userblk_part *part =
		container_of(work, struct userblk_part, work);
	struct cgroup_subsys_state *blkcg = part->redirect->blkcg;
	struct cgroup_subsys_state *memory = NULL;
	const struct cred *cred = get_cred(part->redirect->cred);
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
	/* The part may be gone after this. */
	userblk_part_go(part, NULL);
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
static void userblk_part_defer(struct userblk_part *part)
{
	userblk_part_drop_bvecs(part);
	userblk_redirect_remember(part->redirect);
	part->blocking = true;
	queue_work(userblk_part_slot(part)->hwq->queue->redirect_wq,
		   &part->work);
}

/* Stopped for a reason that is the worker's, or for want of blocking. */
static bool userblk_part_was_hurried(const struct userblk_part *part, long ret)
{
	if (part->blocking)
		return false;
	return ret == -EAGAIN || ret == -EINTR || ret == -ERESTARTSYS ||
	       ret == -EOPNOTSUPP;
}

/* An I/O has ended, in any context; what is left is done by the work queue. */
static void userblk_part_transferred(struct userblk_part *part, long ret,
				     struct userblk_ends *ends)
{
	if (part->target.file && userblk_part_slot(part)->op == USERBLK_OP_WRITE)
		userblk_part_end_write(part);
	if (part->bvecs)
		userblk_part_drop_bvecs(part);
	if (ret > 0) {
		part->done += ret;
		if (likely(part->done >= part->target.length))
			userblk_part_over(part, ends);
		else
			userblk_part_defer(part);
	} else if (userblk_part_was_hurried(part, ret)) {
		userblk_part_defer(part);
	} else if (ret == -EINVAL && part->iocb.ki_flags & IOCB_DIRECT) {
		/* The file wants more alignment than its disk. */
		part->buffered = true;
		userblk_part_defer(part);
	} else {
		/* 0 is the end of the file, where there should be data. */
		userblk_redirect_part_done(part, ret ?: -EIO, ends);
	}
}

/* Memory that is there, so that not even memory is waited for. */
static bool userblk_part_is_at_hand(const struct userblk_part *part)
{
	struct inode *inode = part->target.file->f_mapping->host;

	if (userblk_part_slot(part)->op == USERBLK_OP_READ)
		return !READ_ONCE(SHMEM_I(inode)->swapped);
	return part->target.offset + part->target.length <= i_size_read(inode) &&
	       READ_ONCE(inode->i_mapping->nrpages) >=
	       DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
}

/*
 * IOCB_NOWAIT says nothing of the time of access, which a file system may note
 * after having waited for its journal.
 */
static bool userblk_part_notes_access(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return !(file->f_flags & O_NOATIME) &&
	       !(inode->i_flags & S_NOATIME) && !IS_NOATIME(inode) &&
	       !(file->f_path.mnt->mnt_flags & (MNT_NOATIME | MNT_READONLY)) &&
	       inode->i_sb->s_bdi->capabilities & BDI_CAP_WRITEBACK;
}

/* How a part can be begun by the worker, which is not to be held up for long. */
enum userblk_part_pace {
	USERBLK_PART_INSTANT,	/* certainly without waiting */
	USERBLK_PART_PROMPT,	/* for memory or a journal, with empty hands */
	USERBLK_PART_SLOW,	/* not by the worker */
};

static enum userblk_part_pace
userblk_part_pace(const struct userblk_part *part)
{
	const struct userblk_slot *slot = userblk_part_slot(part);
	const struct file *file = part->target.file;

	if (!file)
		return USERBLK_PART_INSTANT;
	if (!userblk_part_moves_data(part))
		return USERBLK_PART_SLOW;
	if (userblk_part_is_in_memory(part))
		return userblk_part_is_at_hand(part) ? USERBLK_PART_INSTANT :
						       USERBLK_PART_PROMPT;
	if (!(file->f_mode & FMODE_NOWAIT))
		return USERBLK_PART_SLOW;
	if (slot->op == USERBLK_OP_READ)
		return userblk_part_notes_access(file) ? USERBLK_PART_PROMPT :
							 USERBLK_PART_INSTANT;
	/* A frozen file system is waited for by others. */
	if (file->f_flags & O_DIRECT && !(slot->flags & USERBLK_REQ_FUA) &&
	    file_inode(file)->i_sb->s_writers.frozen == SB_UNFROZEN)
		return USERBLK_PART_INSTANT;
	return USERBLK_PART_SLOW;
}

void userblk_part_start(struct userblk_part *part, struct userblk_ends *ends)
{
	enum userblk_part_pace pace = userblk_part_pace(part);
	unsigned int noio;

	if (pace == USERBLK_PART_SLOW) {
		userblk_part_defer(part);
		return;
	}
	if (pace == USERBLK_PART_PROMPT)
		userblk_ends_flush(ends);
	noio = memalloc_noio_save();
	userblk_part_go(part, ends);
	memalloc_noio_restore(noio);
}

void userblk_part_init(struct userblk_part *part,
		       struct userblk_redirect *redirect)
{
	part->redirect = redirect;
	part->bvecs = NULL;
	INIT_WORK(&part->work, userblk_part_work);
}
