/* SPDX-License-Identifier: GPL-2.0 */
/* What a device may be. */
#ifndef USERBLK_CONFIG_H
#define USERBLK_CONFIG_H

#include <linux/uidgid.h>

#include "ioctl/userblk_ioctl.h"

/**
 * struct userblk_settings - what a device was made with
 * @config: as told to user space, with what is in force; its size is the first
 *	one
 * @owner: of the control node
 * @group: of the control node
 */
struct userblk_settings {
	struct userblk_config config;
	kuid_t owner;
	kgid_t group;
};

/* From a checked config, of the current process: 0 or -EINVAL. */
int userblk_settings_init(struct userblk_settings *settings,
			  const struct userblk_config *config);

/*
 * Puts the defaults where 0 stands, then checks every field. 0, -EINVAL or
 * -EFBIG.
 */
int userblk_config_check(struct userblk_config *config);

/* Is this a size for a device with this block size? 0, -EINVAL or -EFBIG. */
int userblk_config_check_size(u64 size, u32 logical_block_size);

#endif /* USERBLK_CONFIG_H */
