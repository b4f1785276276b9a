// SPDX-License-Identifier: GPL-2.0
#include "target.h"

#include <linux/capability.h>
#include <linux/fsnotify.h>
#include <linux/magic.h>
#include <linux/sched/signal.h>
#include <linux/user_namespace.h>

static bool userblk_target_writes(u16 op)
{
	return op == USERBLK_OP_WRITE || op == USERBLK_OP_DISCARD ||
	       op == USERBLK_OP_WRITE_ZEROES;
}

static int userblk_target_check_type(const struct inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return 0;
	case S_IFDIR:
		return -EISDIR;
	case S_IFIFO:
	case S_IFSOCK:
		return -ESPIPE;
	default:
		return -EINVAL;
	}
}

/* Beyond its own limit a process has nothing written in its name either. */
static int userblk_target_check_size(struct inode *inode, u64 end)
{
	unsigned long limit = rlimit(RLIMIT_FSIZE);

	if (!S_ISREG(inode->i_mode))
		return 0;
	if (end > inode->i_sb->s_maxbytes)
		return -EFBIG;
	return limit != RLIM_INFINITY && end > limit ? -EFBIG : 0;
}

static int userblk_target_check_access(struct file *file, u16 op, loff_t offset,
				       u32 length, struct userblk_ends *ends)
{
	bool writes = userblk_target_writes(op);
	fmode_t wanted = writes ? FMODE_WRITE | FMODE_CAN_WRITE :
				  FMODE_READ | FMODE_CAN_READ;

	if (op == USERBLK_OP_FLUSH)
		return 0;
	if ((file->f_mode & wanted) != wanted)
		return -EBADF;
	if (writes && file->f_flags & O_APPEND)
		return -EINVAL;
	/* Some of what looks like a file, in /proc, has no more than a read(). */
	if (writes ? !file->f_op->write_iter : !file->f_op->read_iter)
		return -EINVAL;
	/* Who watches may want to be asked first. */
	if (unlikely(fsnotify_sb_has_watchers(file_inode(file)->i_sb)))
		userblk_ends_flush(ends);
	return rw_verify_area(writes ? WRITE : READ, file, &offset, length);
}

/*
 * Whoever serves the file could hold the device up, and removal with it: FUSE,
 * and what users stack on it in a namespace of their own (overlayfs).
 */
static bool userblk_target_is_users(const struct super_block *sb)
{
	return sb->s_magic == FUSE_SUPER_MAGIC ||
	       (sb->s_stack_depth && sb->s_user_ns != &init_user_ns);
}

static int userblk_target_check(struct userblk_queue *queue, u16 op,
				struct file *file, u64 offset, u32 length,
				struct userblk_ends *ends)
{
	struct inode *inode = file->f_mapping->host;
	struct block_device *bdev;
	int err;

	err = userblk_target_check_type(inode);
	if (err)
		return err;
	bdev = userblk_target_bdev(file);
	if (bdev && queue->front->is_disk(queue, bdev->bd_disk))
		return -ELOOP;
	if (userblk_target_is_users(inode->i_sb) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (offset > (u64)MAX_LFS_FILESIZE - length)
		return userblk_target_writes(op) ? -EFBIG : -EINVAL;
	if (op == USERBLK_OP_WRITE || op == USERBLK_OP_WRITE_ZEROES) {
		err = userblk_target_check_size(inode, offset + length);
		if (err)
			return err;
	}
	return userblk_target_check_access(file, op, offset, length, ends);
}

int userblk_target_get(struct userblk_queue *queue, u16 op,
		       const struct userblk_extent *extent,
		       struct userblk_target *target, struct userblk_ends *ends)
{
	struct file *file;
	int err;

	target->file = NULL;
	target->offset = extent->offset;
	target->length = extent->length;
	if (extent->fd == USERBLK_HOLE)
		return op == USERBLK_OP_WRITE || extent->offset ? -EINVAL : 0;
	/* Without a file's operations, as with O_PATH, there is none. */
	file = fget(extent->fd);
	if (!file)
		return -EBADF;
	err = userblk_target_check(queue, op, file, extent->offset,
				   extent->length, ends);
	if (err)
		fput(file);
	else
		target->file = file;
	return err;
}
