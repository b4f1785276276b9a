/* SPDX-License-Identifier: GPL-2.0 */
/* The front end: a blk-mq disk whose requests go into the device's queue. */
#ifndef USERBLK_DISK_H
#define USERBLK_DISK_H

#include <linux/blk-mq.h>
#include <linux/workqueue.h>

struct userblk_device;

/**
 * struct userblk_disk - the disk of a device
 * @set: its tags
 * @gendisk: NULL before it is made
 * @seq: its diskseq, which no other disk has had or will have; constant
 * @scan: reads the partition table, once there is somebody to read it from
 * @resized: says that the size has changed
 * @resized_at: jiffies of when that was said last; of @resized alone
 */
struct userblk_disk {
	struct blk_mq_tag_set set;
	struct gendisk *gendisk;
	u64 seq;
	struct work_struct scan;
	struct delayed_work resized;
	unsigned long resized_at;
};

/*
 * In this order: tags (writes the real numbers of queues and depth back), the
 * queue by the caller, the gendisk, and its appearance in the system; each is
 * undone by its counterpart. None of them waits for a worker.
 */
int userblk_disk_init_tags(struct userblk_device *device);
int userblk_disk_alloc(struct userblk_device *device);
int userblk_disk_add(struct userblk_device *device);
void userblk_disk_del(struct userblk_device *device);
void userblk_disk_free(struct userblk_device *device);
void userblk_disk_free_tags(struct userblk_device *device);

/* These need device->lock, and a device that is not being removed. */
void userblk_disk_set_size(struct userblk_device *device, u64 size);
void userblk_disk_start_scan(struct userblk_device *device);
/* At once; that it has changed is said later, and not for each change. */
void userblk_disk_resize(struct userblk_device *device, u64 size);

extern const struct userblk_front_ops userblk_disk_front_ops;

#endif /* USERBLK_DISK_H */
