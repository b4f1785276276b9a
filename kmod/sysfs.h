/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What anybody may ask of a running device: /sys/class/userblk/userblkcN/, and
 * the same in a folder userblk/ of what requests come from. They are no links
 * there, since a disk sends its uevent, on which udev looks for the name, before
 * anything could be linked into its folder.
 */
#ifndef USERBLK_SYSFS_H
#define USERBLK_SYSFS_H

#include <linux/sysfs.h>

/* Both are for devices whose drvdata is the queue. */
extern const struct attribute_group *userblk_sysfs_node_groups[];
extern const struct attribute_group *userblk_sysfs_front_groups[];

#endif /* USERBLK_SYSFS_H */
