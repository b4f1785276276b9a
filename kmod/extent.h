/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One extent of a redirected request, and what all contexts that carry it out
 * do with its file. Once started it belongs to one context at a time: the
 * worker, a completion, or the device's workqueue.
 */
#ifndef USERBLK_EXTENT_H
#define USERBLK_EXTENT_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/shmem_fs.h>
#include <linux/workqueue.h>

#include "completions.h"
#include "identity.h"
#include "redirect_file.h"
#include "slot.h"

struct userblk_extent_io;

/*
 * Reports the end of an extent, with an error or 0. Any context; the extent may
 * be gone on return. If the request ends with it, the request joins the
 * completions, which belong to the worker's call, or ends at once if they are
 * NULL.
 */
typedef void (*userblk_extent_io_done)(struct userblk_extent_io *io, int err,
				       struct userblk_completions *completions);

/**
 * struct userblk_extent_io - one extent of a redirected request
 * @iocb: of the I/O in progress
 * @refs: of that I/O, held by its submitter and its completion; the last one
 *	continues
 * @ret: its result
 * @work: continues where blocking is allowed
 * @slot: of the request, REDIRECTED; constant, as are the next four
 * @identity: the worker's, shared by all extents of the request
 * @done: called once
 * @range: range of the file; with a reference to the file unless @borrows
 * @first: offset of its first byte in the payload
 * @moved: bytes transferred
 * @bvecs: pages of the I/O, if they had to be gathered; or NULL
 * @borrows: the file reference belongs to the worker's call, until the I/O has
 *	to outlive the call
 * @blocking: runs in the workqueue, where it may block
 * @buffered: direct I/O is not possible
 */
struct userblk_extent_io {
	struct kiocb iocb;
	atomic_t refs;
	long ret;
	struct work_struct work;
	struct userblk_slot *slot;
	struct userblk_identity *identity;
	userblk_extent_io_done done;
	struct userblk_file_range range;
	u32 first;
	u32 moved;
	struct bio_vec *bvecs;
	bool borrows;
	bool blocking;
	bool buffered;
};

static inline bool
userblk_extent_io_is_regular(const struct userblk_extent_io *io)
{
	return S_ISREG(file_inode(io->range.file)->i_mode);
}

/* The file is in memory (tmpfs), unless swapped out. */
static inline bool
userblk_extent_io_is_in_memory(const struct userblk_extent_io *io)
{
	return shmem_mapping(io->range.file->f_mapping);
}

/*
 * Whatever context runs this, the I/O has the request's priority. It goes to
 * the offset in the answer even if the file has become O_APPEND since.
 */
static inline void userblk_extent_io_set_iocb(struct userblk_extent_io *io)
{
	struct kiocb *iocb = &io->iocb;

	iocb->ki_filp = io->range.file;
	iocb->ki_pos = io->range.offset + io->moved;
	iocb->ki_complete = NULL;
	iocb->private = NULL;
	iocb->ki_flags = io->range.file->f_iocb_flags & ~IOCB_APPEND;
	iocb->ki_ioprio = io->slot->bio->bi_ioprio;
	iocb->ki_waitq = NULL;
}

/*
 * Like file_start_write(), but the end may come in another context. False: the
 * file system is frozen, and a worker does not wait for that.
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
 * Notifies the file's watchers, as read() and write() do. Sleeps at most for
 * memory.
 */
static inline void userblk_extent_io_tell(const struct userblk_extent_io *io)
{
	if (io->slot->op == USERBLK_OP_READ)
		fsnotify_access(io->range.file);
	else
		fsnotify_modify(io->range.file);
}

#endif /* USERBLK_EXTENT_H */
