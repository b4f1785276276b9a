// SPDX-License-Identifier: GPL-2.0
#include "redirect_file.h"

#include <linux/backing-dev.h>
#include <linux/capability.h>
#include <linux/dcache.h>
#include <linux/fsnotify.h>
#include <linux/magic.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/string.h>
#include <linux/user_namespace.h>

static bool userblk_redirect_file_writes(u16 op)
{
	return op == USERBLK_OP_WRITE || op == USERBLK_OP_DISCARD ||
	       op == USERBLK_OP_WRITE_ZEROES;
}

static int userblk_redirect_file_check_type(const struct inode *inode)
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

/* RLIMIT_FSIZE also limits what is written in the process's name. */
static u64 userblk_redirect_file_write_end(const struct inode *inode)
{
	if (!S_ISREG(inode->i_mode))
		return MAX_LFS_FILESIZE;
	return min_t(u64, inode->i_sb->s_maxbytes, rlimit(RLIMIT_FSIZE));
}

/*
 * The inode with the data: of an overlay's file, that of the real file; of a
 * disk, that of its node.
 */
static struct inode *userblk_redirect_file_inode(const struct file *file)
{
	struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) ? d_real_inode(file->f_path.dentry) :
					inode;
}

/*
 * What the worker does not do itself, a kernel thread does. It has the worker's
 * credentials but neither its namespaces nor its memory. So a file is accepted
 * only if its bytes are stored somewhere and are the same for every reader: on
 * a file system with writeback, to a disk or to another machine; in tmpfs; or
 * where the page cache's generic functions are all there is (ramfs). proc,
 * sysfs and the like generate their contents on access and have no backing
 * device; nor will a future file system have one, unless it asks for it.
 */
static bool userblk_redirect_file_keeps_bytes(struct inode *inode)
{
	if (!S_ISREG(inode->i_mode) ||
	    inode->i_sb->s_bdi->capabilities & BDI_CAP_WRITEBACK)
		return true;
	return shmem_mapping(inode->i_mapping) ||
	       (inode->i_fop->read_iter == generic_file_read_iter &&
		inode->i_fop->write_iter == generic_file_write_iter);
}

/* A disk that a process serves. Which process, and whose, is not visible. */
static bool userblk_redirect_file_is_served_disk(const struct gendisk *disk)
{
	return !memcmp(disk->disk_name, "userblk", 7) ||
	       !memcmp(disk->disk_name, "ublkb", 5) ||
	       !memcmp(disk->disk_name, "nbd", 3);
}

/*
 * Could a process that serves the file hang the device and its removal? FUSE,
 * what users stack on it in a namespace of their own (overlayfs), disks that
 * processes serve.
 */
static bool userblk_redirect_file_is_served(const struct file *file,
					    const struct inode *inode,
					    const struct block_device *bdev)
{
	const struct super_block *sb = file_inode(file)->i_sb;

	return inode->i_sb->s_magic == FUSE_SUPER_MAGIC ||
	       (sb->s_stack_depth && sb->s_user_ns != &init_user_ns) ||
	       (bdev && userblk_redirect_file_is_served_disk(bdev->bd_disk));
}

/* Checks what the file alone determines. */
static int userblk_redirect_file_check_file(struct userblk_queue *queue,
					    const struct file *file)
{
	struct inode *inode = userblk_redirect_file_inode(file);
	struct block_device *bdev;
	int err;

	err = userblk_redirect_file_check_type(inode);
	if (err)
		return err;
	if (!userblk_redirect_file_keeps_bytes(inode))
		return -EINVAL;
	bdev = S_ISBLK(inode->i_mode) ? I_BDEV(file->f_mapping->host) :
					inode->i_sb->s_bdev;
	if (bdev && userblk_front_is_disk(queue->front, bdev->bd_disk))
		return -ELOOP;
	if (userblk_redirect_file_is_served(file, inode, bdev) &&
	    !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return 0;
}

/* May the caller access this range? */
static inline int
userblk_redirect_file_ask(struct userblk_redirect_file *last, bool writes,
			  loff_t offset, u32 length,
			  struct userblk_completions *completions)
{
	fmode_t access = writes ? FMODE_WRITE : FMODE_READ;
	fmode_t wanted = access | (writes ? FMODE_CAN_WRITE : FMODE_CAN_READ);
	struct file *file = userblk_redirect_file_held(last);
	bool watched;
	int err;

	if ((file->f_mode & wanted) != wanted)
		return -EBADF;
	if (writes && file->f_flags & O_APPEND)
		return -EINVAL;
	/* Some files have no more than a plain read() or write(). */
	if (writes ? !file->f_op->write_iter : !file->f_op->read_iter)
		return -EINVAL;
	/* Watchers may want to permit each access, and may block. */
	watched = fsnotify_sb_has_watchers(file_inode(file)->i_sb);
	if (watched)
		userblk_completions_flush(completions);
	err = rw_verify_area(writes ? WRITE : READ, file, &offset, length);
	if (!err && !watched)
		last->allowed |= access;
	return err;
}

static inline int userblk_redirect_file_set(struct userblk_redirect_file *last,
					    struct userblk_queue *queue, int fd)
{
	/* Fails for O_PATH, which comes without file operations. */
	struct fd held = fdget(fd);
	struct file *file = fd_file(held);
	int err;

	if (!file)
		return -EBADF;
	err = userblk_redirect_file_check_file(queue, file);
	if (err) {
		fdput(held);
		return err;
	}
	userblk_redirect_file_drop(last);
	last->held = held;
	last->fd = fd;
	last->allowed = 0;
	last->write_end =
		userblk_redirect_file_write_end(file->f_mapping->host);
	return 0;
}

/* Checks a range in the file that is held. */
static int userblk_redirect_file_check(struct userblk_redirect_file *last,
				       u16 op,
				       const struct userblk_file_range *range,
				       struct userblk_completions *completions)
{
	bool writes = userblk_redirect_file_writes(op);
	u64 end = MAX_LFS_FILESIZE;

	if (op == USERBLK_OP_WRITE || op == USERBLK_OP_WRITE_ZEROES)
		end = last->write_end;
	if (unlikely(range->length > end ||
		     (u64)range->offset > end - range->length))
		return writes ? -EFBIG : -EINVAL;
	if (op == USERBLK_OP_FLUSH)
		return 0;
	if (last->allowed & (writes ? FMODE_WRITE : FMODE_READ))
		return 0;
	return userblk_redirect_file_ask(last, writes, range->offset,
					 range->length, completions);
}

int userblk_redirect_file_find(struct userblk_queue *queue, u16 op, int fd,
			       struct userblk_redirect_file *last,
			       struct userblk_file_range *range,
			       struct userblk_completions *completions)
{
	int err = 0;

	range->file = NULL;
	if (fd == USERBLK_HOLE)
		return op == USERBLK_OP_WRITE || range->offset ? -EINVAL : 0;
	if (!userblk_redirect_file_held(last) || last->fd != fd)
		err = userblk_redirect_file_set(last, queue, fd);
	if (!err)
		err = userblk_redirect_file_check(last, op, range, completions);
	if (!err)
		range->file = userblk_redirect_file_held(last);
	return err;
}
