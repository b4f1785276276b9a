/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/block/userblkN/userblk/: what anybody may ask of a running device. */
#ifndef USERBLK_SYSFS_H
#define USERBLK_SYSFS_H

#include <linux/sysfs.h>

/* For devices whose drvdata is the queue. */
extern const struct attribute_group *userblk_sysfs_front_groups[];

#endif /* USERBLK_SYSFS_H */
