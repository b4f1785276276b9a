/* SPDX-License-Identifier: GPL-2.0 */
/* Validation of a device's configuration, and its defaults. */
#ifndef USERBLK_CONFIG_H
#define USERBLK_CONFIG_H

#include <linux/uidgid.h>

#include "ioctl/userblk_ioctl.h"

/**
 * struct userblk_settings - what a device was created with
 * @config: as reported to user space, with the values in force; its size is the
 *	initial one
 * @owner: of the control node
 * @group: of the control node
 */
struct userblk_settings {
	struct userblk_config config;
	kuid_t owner;
	kgid_t group;
};

/*
 * From a validated config; resolves its owner and group in the user namespace
 * of the current process. 0 or -EINVAL.
 */
int userblk_settings_init(struct userblk_settings *settings,
			  const struct userblk_config *config);

/* Replaces zeros by defaults, then validates every field. 0, -EINVAL or -EFBIG. */
int userblk_config_check(struct userblk_config *config);

/* Validates a size for this block size. 0, -EINVAL or -EFBIG. */
int userblk_config_check_size(u64 size, u32 logical_block_size);

#endif /* USERBLK_CONFIG_H */
