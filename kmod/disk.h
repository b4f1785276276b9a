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
 * @scan: reads the partition table, once there is somebody to read it from
 */
struct userblk_disk {
	struct blk_mq_tag_set set;
	struct gendisk *gendisk;
	struct work_struct scan;
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

void userblk_disk_start_scan(struct userblk_device *device);
void userblk_disk_resize(struct userblk_device *device, u64 size);

extern const struct userblk_front_ops userblk_disk_front_ops;

#endif /* USERBLK_DISK_H */
