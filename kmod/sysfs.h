/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attributes of a running device, readable by anybody: in
 * /sys/class/userblk/userblkcN/, and again in a directory userblk/ of the front
 * end's device. The latter are not links: a disk sends its uevent, on which
 * udev looks for the name, before anything could be linked into its directory.
 */
#ifndef USERBLK_SYSFS_H
#define USERBLK_SYSFS_H

#include <linux/sysfs.h>

/* Both are for devices whose drvdata is the queue. */
extern const struct attribute_group *userblk_sysfs_node_groups[];
extern const struct attribute_group *userblk_sysfs_front_groups[];

#endif /* USERBLK_SYSFS_H */
