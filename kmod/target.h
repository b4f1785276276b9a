/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a request may be redirected to: files that a process has open, checked
 * in its name. Nothing is remembered beyond one call of the process.
 */
#ifndef USERBLK_TARGET_H
#define USERBLK_TARGET_H

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/types.h>

#include "ends.h"

/**
 * struct userblk_target - a place in a file, checked
 * @file: or NULL for a hole
 * @offset: bytes in @file
 * @length: bytes, 0 for a FLUSH
 */
struct userblk_target {
	struct file *file;
	loff_t offset;
	u32 length;
};

/**
 * struct userblk_opened - the file that a call of a process went to last
 * @held: the file, until the call ends; or none
 * @fd: what it was found behind
 * @allowed: FMODE_READ and FMODE_WRITE, as far as the caller was allowed that
 * @write_end: where it may not write any more, bytes
 *
 * A call whose answers go to one file asks for it, and for permission, once, as
 * one preadv() of many pieces does. On the caller's stack.
 */
struct userblk_opened {
	struct fd held;
	int fd;
	fmode_t allowed;
	u64 write_end;
};

/*
 * Finds the file for a target whose offset and length are known, for an
 * operation. Without userblk_target_hold() it lasts until another one is looked
 * for or the call ends. May wait for who watches files, after
 * having given the ends back. 0, or the errno that PUT tells.
 */
int userblk_target_find(struct userblk_queue *queue, u16 op, int fd,
			struct userblk_opened *opened,
			struct userblk_target *target,
			struct userblk_ends *ends);

static inline void userblk_target_hold(const struct userblk_target *target)
{
	if (target->file)
		get_file(target->file);
}

static inline void userblk_opened_init(struct userblk_opened *opened)
{
	opened->held = (struct fd){};
}

static inline struct file *
userblk_opened_file(const struct userblk_opened *opened)
{
	return fd_file(opened->held);
}

static inline void userblk_opened_drop(struct userblk_opened *opened)
{
	fdput(opened->held);
	userblk_opened_init(opened);
}

/* The block device that a file is, or that its file system is on; or NULL. */
static inline struct block_device *
userblk_target_bdev(const struct file *file)
{
	struct inode *inode = file->f_mapping->host;

	return S_ISBLK(inode->i_mode) ? I_BDEV(inode) : inode->i_sb->s_bdev;
}

static inline void userblk_target_put(struct userblk_target *target)
{
	if (target->file)
		fput(target->file);
	target->file = NULL;
}

#endif /* USERBLK_TARGET_H */
