/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a request may be redirected to: files that a process has open, checked
 * in its name. Nothing is remembered; each request is checked anew.
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
 * @file: referenced, or NULL for a hole
 * @offset: bytes in @file
 * @length: bytes, 0 for a FLUSH
 */
struct userblk_target {
	struct file *file;
	loff_t offset;
	u32 length;
};

/*
 * Looks the caller's extent up for an operation, and takes a reference. May
 * wait for who watches files, after having given the ends back. 0, or the errno
 * that PUT tells.
 */
int userblk_target_get(struct userblk_queue *queue, u16 op,
		       const struct userblk_extent *extent,
		       struct userblk_target *target, struct userblk_ends *ends);

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
