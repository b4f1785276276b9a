/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where requests may be redirected to: files that a process has open, checked
 * in its name. Nothing is kept beyond one call of the process.
 */
#ifndef USERBLK_REDIRECT_FILE_H
#define USERBLK_REDIRECT_FILE_H

#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/types.h>

#include "completions.h"
#include "queue.h"

/**
 * struct userblk_file_range - a checked range of a file
 * @file: or NULL for a hole
 * @offset: bytes in @file
 * @length: bytes, 0 for a FLUSH
 */
struct userblk_file_range {
	struct file *file;
	loff_t offset;
	u32 length;
};

/**
 * struct userblk_redirect_file - the file that a call of a process used last
 * @held: the file, until the call ends; or none
 * @fd: its descriptor
 * @allowed: FMODE_READ and FMODE_WRITE, as far as the caller was permitted
 * @write_end: where writes must end, bytes
 *
 * A call whose answers go to one file looks it up and asks for permission once,
 * like a preadv() of many segments. On the caller's stack.
 */
struct userblk_redirect_file {
	struct fd held;
	int fd;
	fmode_t allowed;
	u64 write_end;
};

/*
 * Finds and checks the file for a range whose offset and length are set.
 * Without userblk_file_range_hold() the file is valid until the next one is
 * looked up or the call ends. May wait for watchers of files, after flushing
 * the completions. 0, or the errno that PUT returns.
 */
int userblk_redirect_file_find(struct userblk_queue *queue, u16 op, int fd,
			       struct userblk_redirect_file *last,
			       struct userblk_file_range *range,
			       struct userblk_completions *completions);

static inline void
userblk_file_range_hold(const struct userblk_file_range *range)
{
	if (range->file)
		get_file(range->file);
}

static inline void
userblk_redirect_file_init(struct userblk_redirect_file *last)
{
	last->held = (struct fd){};
}

static inline struct file *
userblk_redirect_file_held(const struct userblk_redirect_file *last)
{
	return fd_file(last->held);
}

static inline void
userblk_redirect_file_drop(struct userblk_redirect_file *last)
{
	fdput(last->held);
	userblk_redirect_file_init(last);
}

/* The block device that a file is, or that its file system is on; or NULL. */
static inline struct block_device *
userblk_redirect_file_bdev(const struct file *file)
{
	struct inode *inode = file->f_mapping->host;

	return S_ISBLK(inode->i_mode) ? I_BDEV(inode) : inode->i_sb->s_bdev;
}

static inline void userblk_file_range_put(struct userblk_file_range *range)
{
	if (range->file)
		fput(range->file);
	range->file = NULL;
}

/*
 * The most bytes, in whole pages, that the disk below takes as one bio. It
 * splits a larger one, unless that must not wait: that fails. 0: no limit.
 */
static inline u32 userblk_redirect_file_max_direct(const struct file *file)
{
	struct block_device *bdev = userblk_redirect_file_bdev(file);
	struct request_queue *q;
	u64 bytes;

	if (!bdev || !(file->f_flags & O_DIRECT))
		return 0;
	q = bdev_get_queue(bdev);
	bytes = min((u64)queue_max_sectors(q) << SECTOR_SHIFT,
		    (u64)queue_max_segments(q) << PAGE_SHIFT);
	return min_t(u64, bytes, U32_MAX) & PAGE_MASK;
}

#endif /* USERBLK_REDIRECT_FILE_H */
