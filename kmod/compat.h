/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between the supported kernels, and nothing else. Included
 * ahead of every file; the other files are written for the newest interface.
 * Probes in Kbuild define USERBLK_HAS_*.
 */
#ifndef USERBLK_COMPAT_H
#define USERBLK_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "userblk needs Linux 6.1 or later"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#warning "userblk is tested on Linux 6.1 to 7.3 only"
#endif

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/workqueue.h>

/* For arrays on the I/O path that are written before they are read. */
#ifndef __uninitialized
#define __uninitialized __attribute__((__uninitialized__))
#endif

#ifndef USERBLK_HAS_CLASS_CREATE_NAME
static inline struct class *userblk_compat_class_create(const char *name)
{
	return class_create(THIS_MODULE, name);
}

#undef class_create
#define class_create(name) userblk_compat_class_create(name)
#endif

#ifdef USERBLK_HAS_CONST_DEVNODE
#define userblk_devnode_arg const struct device
#else
#define userblk_devnode_arg struct device
#endif

/* Block device open and release: by disk from 6.5 on, by block_device before. */
#ifdef USERBLK_HAS_DISK_OPEN
#define USERBLK_DISK_OPEN_OPS(open_fn, release_fn)	\
	.open = open_fn, .release = release_fn
#define USERBLK_DISK_OPEN_COMPAT(...)
#else
#define USERBLK_DISK_OPEN_OPS(open_fn, release_fn)	\
	.open = open_fn##_compat, .release = release_fn##_compat
#define USERBLK_DISK_OPEN_COMPAT(open_fn, release_fn)			\
	static int open_fn##_compat(struct block_device *bdev, fmode_t mode) \
	{								\
		return open_fn(bdev->bd_disk, 0);			\
	}								\
	static void release_fn##_compat(struct gendisk *disk, fmode_t mode) \
	{								\
		release_fn(disk);					\
	}
#define blk_mode_t fmode_t
#endif

/* From 6.5 on a claim can name operations that notify its holder. */
#ifdef USERBLK_HAS_HOLDER_OPS
#define userblk_compat_prepare_to_claim(disk, holder) \
	bd_prepare_to_claim((disk)->part0, holder, NULL)
#else
#define userblk_compat_prepare_to_claim(disk, holder) \
	bd_prepare_to_claim((disk)->part0, holder)
#endif

/* A list of requests, as queue_rqs and completion batches use it. */
#ifdef USERBLK_HAS_RQ_LIST
#define userblk_rq_list struct rq_list
#else
#define userblk_rq_list struct request *
#endif

/* Later kernels merge wherever the device does not forbid it. */
#ifdef USERBLK_HAS_SHOULD_MERGE
#define USERBLK_MQ_F_MERGE BLK_MQ_F_SHOULD_MERGE
#else
#define USERBLK_MQ_F_MERGE 0
#endif

/* How far an iterator is into its vector. */
#ifndef USERBLK_HAS_BVEC_ITER_OFFSET
#define bi_offset bi_bvec_done
#endif

/* Work on any processor. */
#ifndef USERBLK_HAS_DFL_WQ
#define system_dfl_wq system_unbound_wq
#endif

#ifndef fd_file
#define fd_file(f) ((f).file)
#endif

#ifndef USERBLK_HAS_SB_WATCHERS
#include <linux/fs.h>

static inline bool fsnotify_sb_has_watchers(struct super_block *sb)
{
	return atomic_long_read(&sb->s_fsnotify_connectors);
}
#endif

/* Before 6.7 drivers make requests of queue_rqs visible to tag iterators. */
static inline void userblk_compat_note_request(struct request *rq)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	rq->mq_hctx->tags->rqs[rq->tag] = rq;
#endif
}

/* The limits of a disk, in bytes, independent of the kernel's own layout. */
struct userblk_limits {
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int max_transfer;
	unsigned int chunk_size;
	unsigned int discard_granularity;
	unsigned int max_discard_sectors;
	unsigned int max_write_zeroes_sectors;
	bool cache;
	bool fua;
	bool rotational;
	bool stable_writes;
};

/*
 * Programs that pass requests on make room for so many segments. There are as
 * many as the largest request has pages; smaller ones make it shorter.
 */
static inline unsigned short
userblk_max_segments(const struct userblk_limits *l)
{
	return clamp_t(unsigned int, l->max_transfer >> PAGE_SHIFT,
		       BLK_MAX_SEGMENTS, USHRT_MAX);
}

#ifdef BLK_FEAT_WRITE_CACHE
static inline struct gendisk *
userblk_compat_alloc_disk(struct blk_mq_tag_set *set,
			  const struct userblk_limits *l, void *data)
{
	struct queue_limits lim = {
		.logical_block_size = l->logical_block_size,
		.physical_block_size = l->physical_block_size,
		.io_min = l->io_min,
		.io_opt = l->io_opt,
		.max_hw_sectors = l->max_transfer >> SECTOR_SHIFT,
		.chunk_sectors = l->chunk_size >> SECTOR_SHIFT,
		.discard_granularity = l->discard_granularity,
		.max_hw_discard_sectors = l->max_discard_sectors,
		.max_write_zeroes_sectors = l->max_write_zeroes_sectors,
		.max_segments = userblk_max_segments(l),
		.max_segment_size = UINT_MAX,
		.dma_alignment = 3,
		.features = BLK_FEAT_IO_STAT,
	};

	if (l->cache)
		lim.features |= BLK_FEAT_WRITE_CACHE;
	if (l->fua)
		lim.features |= BLK_FEAT_FUA;
	if (l->rotational)
		lim.features |= BLK_FEAT_ROTATIONAL;
	if (l->stable_writes)
		lim.features |= BLK_FEAT_STABLE_WRITES;
	return blk_mq_alloc_disk(set, &lim, data);
}
#else
static inline struct gendisk *
userblk_compat_alloc_disk(struct blk_mq_tag_set *set,
			  const struct userblk_limits *l, void *data)
{
	struct request_queue *q;
	struct gendisk *disk;

#ifdef USERBLK_HAS_ALLOC_DISK_LIMITS
	disk = blk_mq_alloc_disk(set, NULL, data);
#else
	disk = blk_mq_alloc_disk(set, data);
#endif
	if (IS_ERR(disk))
		return disk;

	q = disk->queue;
	blk_queue_logical_block_size(q, l->logical_block_size);
	blk_queue_physical_block_size(q, l->physical_block_size);
	blk_queue_io_min(q, l->io_min);
	blk_queue_io_opt(q, l->io_opt);
	blk_queue_max_hw_sectors(q, l->max_transfer >> SECTOR_SHIFT);
	blk_queue_chunk_sectors(q, l->chunk_size >> SECTOR_SHIFT);
	blk_queue_max_segments(q, userblk_max_segments(l));
	blk_queue_max_segment_size(q, UINT_MAX);
	blk_queue_dma_alignment(q, 3);
	q->limits.discard_granularity = l->discard_granularity;
	blk_queue_max_discard_sectors(q, l->max_discard_sectors);
	blk_queue_max_write_zeroes_sectors(q, l->max_write_zeroes_sectors);
	blk_queue_write_cache(q, l->cache, l->fua);
	if (l->rotational)
		blk_queue_flag_clear(QUEUE_FLAG_NONROT, q);
	else
		blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
	blk_queue_flag_clear(QUEUE_FLAG_ADD_RANDOM, q);
	if (l->stable_writes)
		blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, q);
	return disk;
}
#endif

#endif /* USERBLK_COMPAT_H */
