// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

#include <linux/kobject.h>
#include <linux/sched/mm.h>

#include "device.h"
#include "foreign.h"
#include "sysfs.h"

static struct userblk_device *userblk_disk_device(struct userblk_queue *queue)
{
	return queue->front_data;
}

/* ------------------------------------------------------------- requests */

static bool userblk_disk_op(const struct request *rq, u16 *op)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		*op = USERBLK_OP_READ;
		return true;
	case REQ_OP_WRITE:
		*op = USERBLK_OP_WRITE;
		return true;
	case REQ_OP_FLUSH:
		*op = USERBLK_OP_FLUSH;
		return true;
	case REQ_OP_DISCARD:
		*op = USERBLK_OP_DISCARD;
		return true;
	case REQ_OP_WRITE_ZEROES:
		*op = USERBLK_OP_WRITE_ZEROES;
		return true;
	default:
		return false;
	}
}

/* The block layer keeps reads and writes within a chunk; the rest is ours. */
static u32 userblk_disk_piece(const struct userblk_device *device,
			      const struct request *rq)
{
	u64 offset = blk_rq_pos(rq) << SECTOR_SHIFT;
	u32 chunk = device->config.chunk_size;
	u32 length = blk_rq_bytes(rq);

	if (!chunk)
		return length;
	return min_t(u32, length, chunk - (offset & (chunk - 1)));
}

static inline void userblk_disk_fill(const struct userblk_device *device,
				     struct userblk_slot *slot,
				     struct request *rq)
{
	slot->cookie = rq;
	slot->bio = rq->bio;
	slot->flags = 0;
	if (slot->op == USERBLK_OP_FLUSH) {
		slot->offset = 0;
		slot->length = 0;
		return;
	}
	slot->offset = blk_rq_pos(rq) << SECTOR_SHIFT;
	slot->length = userblk_disk_piece(device, rq);
	if (rq->cmd_flags & REQ_FUA)
		slot->flags |= USERBLK_REQ_FUA;
	if (slot->op == USERBLK_OP_WRITE_ZEROES &&
	    rq->cmd_flags & REQ_NOUNMAP)
		slot->flags |= USERBLK_REQ_NOUNMAP;
}

/*
 * The block layer looks at partitions, of which one may end behind a disk that
 * was made smaller, and some kernels let everything through to an empty disk.
 * An empty one is served by nobody: it has nothing to flush, either.
 */
static inline bool userblk_disk_has(const struct userblk_device *device,
				    const struct request *rq)
{
	sector_t capacity = get_capacity(device->disk.gendisk);
	unsigned int sectors = blk_rq_sectors(rq);

	/* The place of a flush is none. */
	if (!sectors)
		return capacity;
	return sectors <= capacity && blk_rq_pos(rq) <= capacity - sectors;
}

/* Fills the request's slot in; BLK_STS_OK, or why it cannot be done. */
static __always_inline blk_status_t userblk_disk_start(struct userblk_hwq *hwq,
						       struct request *rq)
{
	struct userblk_device *device = userblk_disk_device(hwq->queue);
	struct userblk_slot *slot = &hwq->slots[rq->tag];

	if (!userblk_disk_op(rq, &slot->op))
		return BLK_STS_NOTSUPP;
	if (unlikely(!userblk_disk_has(device, rq)))
		return BLK_STS_IOERR;
	/* The block layer only warns of writes from within the kernel. */
	if (device->config.flags & USERBLK_F_READ_ONLY &&
	    op_is_write(req_op(rq)) && slot->op != USERBLK_OP_FLUSH)
		return BLK_STS_IOERR;
	userblk_disk_fill(device, slot, rq);
	blk_mq_start_request(rq);
	return BLK_STS_OK;
}

/*
 * Ends what was not queued. The task that submits may be a worker, whose request
 * this need not be.
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
	/* From here on the request may be over. */
	if (last)
		userblk_queue_kick(hwq);
	return BLK_STS_OK;
}

static void userblk_disk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	userblk_queue_kick(hctx->driver_data);
}

/* Queues what was started; the list is empty afterwards. */
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

/* All that a task has gathered in its plug; the block layer sees to the rest. */
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

/* The next piece of a request of which one is done. False: there is none. */
static bool userblk_disk_go_on(struct userblk_slot *slot)
{
	struct request *rq = slot->cookie;
	LIST_HEAD(slots);

	if (likely(slot->status || !slot->length ||
		   slot->length == blk_rq_bytes(rq)))
		return false;
	blk_update_request(rq, BLK_STS_OK, slot->length);
	userblk_disk_fill(userblk_disk_device(slot->hwq->queue), slot, rq);
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
		/* Some 6.12.y took a failed one in, and ended it as a success. */
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
	struct userblk_device *device = data;

	hctx->driver_data = &device->queue.hwqs[index];
	return 0;
}

static const struct blk_mq_ops userblk_disk_mq_ops = {
	.queue_rq = userblk_disk_queue_rq,
	.queue_rqs = userblk_disk_queue_rqs,
	.commit_rqs = userblk_disk_commit_rqs,
	.init_hctx = userblk_disk_init_hctx,
};

/* --------------------------------------------------------------- uevents */

static void userblk_disk_uevent(struct userblk_device *device, char *what)
{
	unsigned int noio = memalloc_noio_save();
	char *env[2] = {};

	/* Memory must not be waited for: it may be this device that is due. */
	env[0] = what;
	kobject_uevent_env(&disk_to_dev(device->disk.gendisk)->kobj,
			   KOBJ_CHANGE, env);
	memalloc_noio_restore(noio);
}

static void userblk_disk_waiting(struct userblk_queue *queue)
{
	userblk_disk_uevent(userblk_disk_device(queue),
			    "USERBLK_EVENT=waiting");
}

static bool userblk_disk_is_disk(const struct userblk_queue *queue,
				 const struct gendisk *disk)
{
	const struct userblk_device *device = queue->front_data;

	return device->disk.gendisk == disk;
}

const struct userblk_front_ops userblk_disk_front_ops = {
	.end = userblk_disk_end,
	.waiting = userblk_disk_waiting,
	.is_disk = userblk_disk_is_disk,
};

/* ------------------------------------------------------------ open, close */

static int userblk_disk_open(struct gendisk *disk, blk_mode_t mode)
{
	return userblk_device_open(disk->private_data);
}

static void userblk_disk_release(struct gendisk *disk)
{
	userblk_device_close(disk->private_data);
}

USERBLK_DISK_OPEN_COMPAT(userblk_disk_open, userblk_disk_release)

static const struct block_device_operations userblk_disk_fops = {
	.owner = THIS_MODULE,
	USERBLK_DISK_OPEN_OPS(userblk_disk_open, userblk_disk_release),
};

/* ---------------------------------------------------------- partitions */

/*
 * Waits for workers, with the disk's open_mutex; removal fails its I/O first
 * and then waits for it. The disk is claimed, as by the kernel's own scans:
 * no partition comes up under who has it to himself.
 */
static int userblk_disk_read_partitions(struct gendisk *disk)
{
	int err;

	clear_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	err = userblk_compat_prepare_to_claim(disk, disk);
	if (err)
		return err;
	mutex_lock(&disk->open_mutex);
	err = bdev_disk_changed(disk, false);
	mutex_unlock(&disk->open_mutex);
	bd_abort_claiming(disk->part0, disk);
	return err;
}

static void userblk_disk_scan(struct work_struct *work)
{
	struct userblk_device *device =
		container_of(work, struct userblk_device, disk.scan);
	struct gendisk *disk = device->disk.gendisk;
	int err = 0;

	if (!(device->config.flags & USERBLK_F_NO_PARTITIONS))
		err = userblk_disk_read_partitions(disk);
	if (userblk_queue_is_dying(&device->queue))
		return;
	if (err)
		pr_warn("%s: its partitions were not read (error %d); blockdev --rereadpt reads them\n",
			disk->disk_name, err);
	userblk_disk_uevent(device, "USERBLK_EVENT=served");
}

void userblk_disk_start_scan(struct userblk_device *device)
{
	queue_work(system_unbound_wq, &device->disk.scan);
}

/* ----------------------------------------------------------------- size */

/* Who may resize may do so without end: said this often at most. */
#define USERBLK_DISK_RESIZED_PERIOD	HZ

static void userblk_disk_resized(struct work_struct *work)
{
	struct userblk_device *device =
		container_of(to_delayed_work(work), struct userblk_device,
			     disk.resized);

	WRITE_ONCE(device->disk.resized_at, jiffies);
	userblk_disk_uevent(device, "RESIZE=1");
}

void userblk_disk_set_size(struct userblk_device *device, u64 size)
{
	set_capacity(device->disk.gendisk, size >> SECTOR_SHIFT);
}

void userblk_disk_resize(struct userblk_device *device, u64 size)
{
	unsigned long due = READ_ONCE(device->disk.resized_at) +
			    USERBLK_DISK_RESIZED_PERIOD;
	unsigned long now = jiffies;

	userblk_disk_set_size(device, size);
	/* If it is due already, it is about this change as well. */
	queue_delayed_work(system_unbound_wq, &device->disk.resized,
			   time_after(due, now) ? due - now : 0);
}

/* ----------------------------------------------------------------- life */

static struct userblk_limits
userblk_disk_limits(const struct userblk_config *config)
{
	/* Some kernels cut exactly here: it must be a multiple of any block. */
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

int userblk_disk_init_tags(struct userblk_device *device)
{
	struct blk_mq_tag_set *set = &device->disk.set;
	int err;

	set->ops = &userblk_disk_mq_ops;
	set->nr_hw_queues = device->config.queues;
	set->queue_depth = device->config.depth;
	set->numa_node = NUMA_NO_NODE;
	/* As loop's: hot-unplug of a processor does not wait for requests. */
	set->flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_STACKING |
		     BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	set->driver_data = device;
	err = blk_mq_alloc_tag_set(set);
	if (err)
		return err;
	device->config.queues = set->nr_hw_queues;
	device->config.depth = set->queue_depth;
	return 0;
}

void userblk_disk_free_tags(struct userblk_device *device)
{
	blk_mq_free_tag_set(&device->disk.set);
}

int userblk_disk_alloc(struct userblk_device *device)
{
	struct userblk_limits limits = userblk_disk_limits(&device->config);
	struct gendisk *disk;

	disk = userblk_compat_alloc_disk(&device->disk.set, &limits, device);
	if (IS_ERR(disk))
		return PTR_ERR(disk);

	snprintf(disk->disk_name, sizeof(disk->disk_name), "userblk%u",
		 device->config.number);
	disk->fops = &userblk_disk_fops;
	disk->private_data = device;
	if (device->config.flags & USERBLK_F_NO_PARTITIONS)
		disk->flags |= GENHD_FL_NO_PART;
	set_bit(GD_SUPPRESS_PART_SCAN, &disk->state);
	set_disk_ro(disk, device->config.flags & USERBLK_F_READ_ONLY);
	device->disk.gendisk = disk;
	device->disk.seq = disk->diskseq;
	INIT_WORK(&device->disk.scan, userblk_disk_scan);
	INIT_DELAYED_WORK(&device->disk.resized, userblk_disk_resized);
	device->disk.resized_at = jiffies - USERBLK_DISK_RESIZED_PERIOD;
	return 0;
}

int userblk_disk_add(struct userblk_device *device)
{
	return device_add_disk(NULL, device->disk.gendisk,
			       userblk_sysfs_groups);
}

/* The queue is dead: nothing here waits for a worker. */
void userblk_disk_del(struct userblk_device *device)
{
	blk_mark_disk_dead(device->disk.gendisk);
	cancel_work_sync(&device->disk.scan);
	cancel_delayed_work_sync(&device->disk.resized);
	del_gendisk(device->disk.gendisk);
}

void userblk_disk_free(struct userblk_device *device)
{
	put_disk(device->disk.gendisk);
}
