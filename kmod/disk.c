// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

#include <linux/blk-mq.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "config.h"
#include "foreign.h"
#include "front.h"
#include "patience.h"
#include "queue.h"
#include "sysfs.h"

/**
 * struct userblk_disk - a disk
 * @front: the front end, embedded
 * @set: its tag set
 * @gendisk: NULL until make()
 * @chunk_size: no request crosses a multiple of it; 0: no limit; constant
 * @read_only: constant
 * @scan: reads the partition table once the disk is served
 * @resized: sends the uevent about a changed size
 * @resized_at: jiffies of the last such uevent; written by @resized alone
 */
struct userblk_disk {
	struct userblk_front front;
	struct blk_mq_tag_set set;
	struct gendisk *gendisk;
	u32 chunk_size;
	bool read_only;
	struct work_struct scan;
	struct delayed_work resized;
	unsigned long resized_at;
};

static inline struct userblk_disk *
userblk_disk_of(const struct userblk_front *front)
{
	return container_of(front, struct userblk_disk, front);
}

/* ------------------------------------------------------------- requests */

/* The block layer splits reads and writes into chunks; we split the rest. */
static u32 userblk_disk_piece(const struct userblk_disk *disk,
			      const struct request *rq)
{
	u64 offset = blk_rq_pos(rq) << SECTOR_SHIFT;
	u32 length = blk_rq_bytes(rq);

	if (!disk->chunk_size)
		return length;
	return min_t(u32, length,
		     disk->chunk_size - (offset & (disk->chunk_size - 1)));
}

/* False if the operation is not supported. */
static __always_inline bool userblk_disk_fill(const struct userblk_disk *disk,
					      struct userblk_slot *slot,
					      struct request *rq)
{
	slot->cookie = rq;
	return userblk_slot_fill(slot, rq->cmd_flags, blk_rq_pos(rq),
				 userblk_disk_piece(disk, rq), rq->bio);
}

/*
 * The block layer checks against the partition, which may extend beyond a disk
 * that has shrunk, and some kernels let everything through to an empty disk. An
 * empty disk was never served, so it has nothing to flush either.
 */
static inline bool userblk_disk_has(const struct userblk_disk *disk,
				    const struct request *rq)
{
	sector_t capacity = get_capacity(disk->gendisk);
	unsigned int sectors = blk_rq_sectors(rq);

	/* A flush has no position. */
	if (!sectors)
		return capacity;
	return sectors <= capacity && blk_rq_pos(rq) <= capacity - sectors;
}

/* Fills in the request's slot. BLK_STS_OK, or why the request fails. */
static __always_inline blk_status_t userblk_disk_start(struct userblk_hwq *hwq,
						       struct request *rq)
{
	struct userblk_disk *disk = userblk_disk_of(hwq->queue->front);

	if (!userblk_disk_fill(disk, &hwq->slots[rq->tag], rq))
		return BLK_STS_NOTSUPP;
	if (unlikely(!userblk_disk_has(disk, rq)))
		return BLK_STS_IOERR;
	/* The block layer only warns about writes from within the kernel. */
	if (disk->read_only && op_is_write(req_op(rq)) &&
	    req_op(rq) != REQ_OP_FLUSH)
		return BLK_STS_IOERR;
	blk_mq_start_request(rq);
	return BLK_STS_OK;
}

/*
 * Ends a request that was not queued. The submitting task may be a worker, and
 * the request need not be its own.
 */
static void userblk_disk_refuse(struct request *rq, blk_status_t status)
{
	bool entered = userblk_foreign_enter();

	blk_mq_end_request(rq, status);
	userblk_foreign_leave(entered);
}

static blk_status_t userblk_disk_queue_rq(struct blk_mq_hw_ctx *hctx,
					  const struct blk_mq_queue_data *bd)
{
	struct userblk_hwq *hwq = hctx->driver_data;
	bool last = bd->last;
	blk_status_t status;
	LIST_HEAD(slots);

	status = userblk_disk_start(hwq, bd->rq);
	if (likely(!status)) {
		list_add_tail(&hwq->slots[bd->rq->tag].node, &slots);
		if (unlikely(!userblk_queue_add(hwq, &slots)))
			status = BLK_STS_IOERR;
	}
	if (unlikely(status))
		userblk_disk_refuse(bd->rq, status);
	/* The request may be over from here on. */
	if (last)
		userblk_queue_kick(hwq);
	return BLK_STS_OK;
}

static void userblk_disk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	userblk_queue_kick(hctx->driver_data);
}

/* Queues started requests. The list is empty afterwards. */
static inline void userblk_disk_add_slots(struct userblk_hwq *hwq,
					  struct list_head *slots)
{
	struct userblk_slot *slot, *next;

	if (list_empty(slots))
		return;
	if (likely(userblk_queue_add(hwq, slots))) {
		userblk_queue_kick(hwq);
		return;
	}
	list_for_each_entry_safe(slot, next, slots, node) {
		list_del(&slot->node);
		userblk_disk_refuse(slot->cookie, BLK_STS_IOERR);
	}
}

/* All requests that a task has gathered in its plug. */
static void userblk_disk_queue_rqs(userblk_rq_list *rqs)
{
	struct userblk_hwq *hwq = NULL;
	struct request *rq;
	blk_status_t status;
	LIST_HEAD(slots);

	while ((rq = rq_list_pop(rqs))) {
		if (hwq != rq->mq_hctx->driver_data) {
			if (hwq)
				userblk_disk_add_slots(hwq, &slots);
			hwq = rq->mq_hctx->driver_data;
		}
		userblk_compat_note_request(rq);
		status = userblk_disk_start(hwq, rq);
		if (likely(!status))
			list_add_tail(&hwq->slots[rq->tag].node, &slots);
		else
			userblk_disk_refuse(rq, status);
	}
	if (hwq)
		userblk_disk_add_slots(hwq, &slots);
}

/* Queues the next piece of a split request. False: none is left, or one failed. */
static bool userblk_disk_go_on(struct userblk_slot *slot)
{
	struct request *rq = slot->cookie;
	LIST_HEAD(slots);

	if (likely(slot->status || !slot->length ||
		   slot->length == blk_rq_bytes(rq)))
		return false;
	blk_update_request(rq, BLK_STS_OK, slot->length);
	userblk_disk_fill(userblk_disk_of(slot->hwq->queue->front), slot, rq);
	list_add_tail(&slot->node, &slots);
	userblk_disk_add_slots(slot->hwq, &slots);
	return true;
}

static void userblk_disk_end(struct userblk_slot **slots, unsigned int count)
{
	DEFINE_IO_COMP_BATCH(batch);
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct userblk_slot *slot = slots[i];
		struct request *rq = slot->cookie;
		bool failed = slot->status != BLK_STS_OK;

		if (userblk_disk_go_on(slot))
			continue;
		/* Some 6.12.y batch a failed request and end it as a success. */
		if (failed || !blk_mq_add_to_batch(rq, &batch, false,
						   blk_mq_end_request_batch))
			blk_mq_end_request(rq, slot->status);
	}
	if (batch.complete)
		batch.complete(&batch);
}

static int userblk_disk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data,
				  unsigned int index)
{
	struct userblk_disk *disk = data;

	hctx->driver_data = &disk->front.queue->hwqs[index];
	return 0;
}

static const struct blk_mq_ops userblk_disk_mq_ops = {
	.queue_rq = userblk_disk_queue_rq,
	.queue_rqs = userblk_disk_queue_rqs,
	.commit_rqs = userblk_disk_commit_rqs,
	.init_hctx = userblk_disk_init_hctx,
};

/* ------------------------------------------------------------ open, close */

static int userblk_disk_open(struct gendisk *gendisk, blk_mode_t mode)
{
	struct userblk_disk *disk = gendisk->private_data;

	return userblk_front_open(&disk->front);
}

static void userblk_disk_release(struct gendisk *gendisk)
{
	struct userblk_disk *disk = gendisk->private_data;

	userblk_front_close(&disk->front);
}

USERBLK_DISK_OPEN_COMPAT(userblk_disk_open, userblk_disk_release)

static const struct block_device_operations userblk_disk_fops = {
	.owner = THIS_MODULE,
	USERBLK_DISK_OPEN_OPS(userblk_disk_open, userblk_disk_release),
};

/* ------------------------------------------------- partitions, uevents */

/*
 * Waits for workers while it holds the disk's open_mutex; removal fails the I/O
 * before it waits for the scan. Claims the disk, as the kernel's own scans do,
 * so that no partition appears under an exclusive opener.
 */
static int userblk_disk_read_partitions(struct gendisk *gendisk)
{
	int err;

	clear_bit(GD_SUPPRESS_PART_SCAN, &gendisk->state);
	err = userblk_compat_prepare_to_claim(gendisk, gendisk);
	if (err)
		return err;
	mutex_lock(&gendisk->open_mutex);
	err = bdev_disk_changed(gendisk, false);
	mutex_unlock(&gendisk->open_mutex);
	bd_abort_claiming(gendisk->part0, gendisk);
	return err;
}

static void userblk_disk_scan(struct work_struct *work)
{
	struct userblk_disk *disk =
		container_of(work, struct userblk_disk, scan);
	const struct userblk_settings *settings = disk->front.settings;
	int err = 0;

	if (!(settings->config.flags & USERBLK_F_NO_PARTITIONS))
		err = userblk_disk_read_partitions(disk->gendisk);
	if (userblk_queue_is_dying(disk->front.queue))
		return;
	if (err)
		pr_warn("%s: its partitions were not read (error %d); blockdev --rereadpt reads them\n",
			disk->gendisk->disk_name, err);
	userblk_front_tell_served(&disk->front);
	userblk_event(disk_to_dev(disk->gendisk), "USERBLK_EVENT=served");
}

static void userblk_disk_waiting(struct userblk_front *front)
{
	userblk_event(disk_to_dev(userblk_disk_of(front)->gendisk),
		      "USERBLK_EVENT=waiting");
}

/* ----------------------------------------------------------------- size */

/* Resizes are not limited in number, so their uevents are limited in rate. */
#define USERBLK_DISK_RESIZED_PERIOD	HZ

static void userblk_disk_resized(struct work_struct *work)
{
	struct userblk_disk *disk = container_of(to_delayed_work(work),
						 struct userblk_disk, resized);

	WRITE_ONCE(disk->resized_at, jiffies);
	userblk_event(disk_to_dev(disk->gendisk), "RESIZE=1");
}

/* Runs under the front end's lock, so removal waits for the scan started here. */
static void userblk_disk_served(struct userblk_front *front, u64 size)
{
	struct userblk_disk *disk = userblk_disk_of(front);

	set_capacity(disk->gendisk, size >> SECTOR_SHIFT);
	queue_work(system_dfl_wq, &disk->scan);
}

/* The size changes at once. A uevent follows later, not one for each change. */
static void userblk_disk_resize(struct userblk_front *front, u64 size)
{
	struct userblk_disk *disk = userblk_disk_of(front);
	unsigned long due =
		READ_ONCE(disk->resized_at) + USERBLK_DISK_RESIZED_PERIOD;
	unsigned long now = jiffies;

	set_capacity(disk->gendisk, size >> SECTOR_SHIFT);
	/* If one is pending, it covers this change as well. */
	queue_delayed_work(system_dfl_wq, &disk->resized,
			   time_after(due, now) ? due - now : 0);
}

/* ----------------------------------------------------------------- life */

static struct userblk_limits
userblk_disk_limits(const struct userblk_config *config)
{
	/* Some kernels split exactly here: use a multiple of any block size. */
	u32 bulk = config->chunk_size ?:
		   round_down(UINT_MAX, USERBLK_MAX_BLOCK_SIZE);
	struct userblk_limits limits = {
		.logical_block_size = config->logical_block_size,
		.physical_block_size = config->physical_block_size,
		.io_min = config->io_min,
		.io_opt = config->io_opt,
		.max_transfer = config->max_transfer,
		.chunk_size = config->chunk_size,
		.discard_granularity = config->discard_granularity,
		.cache = config->flags & USERBLK_F_CACHE,
		.fua = config->flags & USERBLK_F_FUA,
		.rotational = config->flags & USERBLK_F_ROTATIONAL,
		.stable_writes = config->flags & USERBLK_F_STABLE_WRITES,
	};

	if (config->flags & USERBLK_F_DISCARD)
		limits.max_discard_sectors = bulk >> SECTOR_SHIFT;
	if (config->flags & USERBLK_F_WRITE_ZEROES)
		limits.max_write_zeroes_sectors = bulk >> SECTOR_SHIFT;
	return limits;
}

static int userblk_disk_shape(struct userblk_front *front,
			      struct userblk_config *config)
{
	struct userblk_disk *disk = userblk_disk_of(front);
	struct blk_mq_tag_set *set = &disk->set;
	int err;

	set->ops = &userblk_disk_mq_ops;
	set->nr_hw_queues = config->queues;
	set->queue_depth = config->depth;
	set->numa_node = NUMA_NO_NODE;
	/* As loop does: CPU hot-unplug does not wait for requests. */
	set->flags = USERBLK_MQ_F_MERGE | BLK_MQ_F_STACKING |
		     BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	set->driver_data = disk;
	err = blk_mq_alloc_tag_set(set);
	if (err)
		return err;
	config->queues = set->nr_hw_queues;
	config->depth = set->queue_depth;
	return 0;
}

static int userblk_disk_make(struct userblk_front *front)
{
	const struct userblk_config *config = &front->settings->config;
	struct userblk_disk *disk = userblk_disk_of(front);
	struct userblk_limits limits = userblk_disk_limits(config);
	struct gendisk *gendisk;

	gendisk = userblk_compat_alloc_disk(&disk->set, &limits, disk);
	if (IS_ERR(gendisk))
		return PTR_ERR(gendisk);

	snprintf(gendisk->disk_name, sizeof(gendisk->disk_name), "userblk%u",
		 config->number);
	gendisk->fops = &userblk_disk_fops;
	gendisk->private_data = disk;
	if (config->flags & USERBLK_F_NO_PARTITIONS)
		gendisk->flags |= GENHD_FL_NO_PART;
	set_bit(GD_SUPPRESS_PART_SCAN, &gendisk->state);
	set_disk_ro(gendisk, config->flags & USERBLK_F_READ_ONLY);
	dev_set_drvdata(disk_to_dev(gendisk), front->queue);
	disk->gendisk = gendisk;
	disk->chunk_size = config->chunk_size;
	disk->read_only = config->flags & USERBLK_F_READ_ONLY;
	front->diskseq = gendisk->diskseq;
	INIT_WORK(&disk->scan, userblk_disk_scan);
	INIT_DELAYED_WORK(&disk->resized, userblk_disk_resized);
	disk->resized_at = jiffies - USERBLK_DISK_RESIZED_PERIOD;
	return 0;
}

static int userblk_disk_appear(struct userblk_front *front)
{
	return device_add_disk(NULL, userblk_disk_of(front)->gendisk,
			       userblk_sysfs_front_groups);
}

static void userblk_disk_stop(struct userblk_front *front)
{
	struct userblk_disk *disk = userblk_disk_of(front);

	blk_mark_disk_dead(disk->gendisk);
	cancel_work_sync(&disk->scan);
	cancel_delayed_work_sync(&disk->resized);
}

static void userblk_disk_vanish(struct userblk_front *front)
{
	del_gendisk(userblk_disk_of(front)->gendisk);
}

static void userblk_disk_unmake(struct userblk_front *front)
{
	struct userblk_disk *disk = userblk_disk_of(front);

	if (disk->gendisk)
		put_disk(disk->gendisk);
	blk_mq_free_tag_set(&disk->set);
}

static void userblk_disk_free(struct userblk_front *front)
{
	kfree(userblk_disk_of(front));
}

static bool userblk_disk_is_disk(const struct userblk_front *front,
				 const struct gendisk *gendisk)
{
	return userblk_disk_of(front)->gendisk == gendisk;
}

static const struct userblk_front_ops userblk_disk_front_ops = {
	.shape = userblk_disk_shape,
	.make = userblk_disk_make,
	.appear = userblk_disk_appear,
	.stop = userblk_disk_stop,
	.vanish = userblk_disk_vanish,
	.unmake = userblk_disk_unmake,
	.free = userblk_disk_free,
	.end = userblk_disk_end,
	.waiting = userblk_disk_waiting,
	.served = userblk_disk_served,
	.resize = userblk_disk_resize,
	.is_disk = userblk_disk_is_disk,
};

struct userblk_front *userblk_disk_create(void)
{
	struct userblk_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);

	if (!disk)
		return NULL;
	userblk_front_init(&disk->front, &userblk_disk_front_ops);
	return &disk->front;
}
