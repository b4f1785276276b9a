/* SPDX-License-Identifier: GPL-2.0 */
/* A front end: a blk-mq disk whose requests go into the device's queue. */
#ifndef USERBLK_DISK_H
#define USERBLK_DISK_H

struct userblk_front;

/* For a device that is about to be created. NULL if out of memory. */
struct userblk_front *userblk_disk_create(void);

#endif /* USERBLK_DISK_H */
