/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One extent of a redirected request, and what all that carry it out do with its
 * file. From when it is started it belongs to one context at a time: the worker,
 * a completion, or the device's work queue.
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
 * It is done, with this error or 0. Any context; the extent may be gone when it
 * returns. What ends by that goes among the completions, which are the worker's
 * call's, or ends by itself if there are none.
 */
typedef void (*userblk_extent_io_done)(struct userblk_extent_io *io, int err,
				       struct userblk_completions *completions);

/**
 * struct userblk_extent_io - one extent of a redirected request
 * @iocb: of the I/O that is under way
 * @refs: of that I/O: who submitted it, and whoever completes it; the last one
 *	goes on
 * @ret: what it came to
 * @work: goes on where it may block
 * @slot: of the request, REDIRECTED; constant, as are the next five
 * @identity: the worker's, shared by all extents of the request
 * @done: called once
 * @range: where; with a reference to the file unless @borrows
 * @first: its first byte in the payload
 * @moved: bytes
 * @bvecs: what the I/O goes by, if it had to be put together; or NULL
 * @borrows: the file is the worker's call's, until this has to outlive it
 * @blocking: it is in the work queue's hands, and may block
 * @buffered: not to be tried directly (any more)
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

/* Memory is as good as at hand, but for what it may have to be got from. */
static inline bool
userblk_extent_io_is_in_memory(const struct userblk_extent_io *io)
{
	return shmem_mapping(io->range.file->f_mapping);
}

/*
 * With the priority of the request, whoever carries it out, and to the place
 * that was named, whatever has become of the file's flags since.
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

/* As read() and write() do. Sleeps at most for memory. */
static inline void userblk_extent_io_tell(const struct userblk_extent_io *io)
{
	if (io->slot->op == USERBLK_OP_READ)
		fsnotify_access(io->range.file);
	else
		fsnotify_modify(io->range.file);
}

#endif /* USERBLK_EXTENT_H */
