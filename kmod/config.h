/* SPDX-License-Identifier: GPL-2.0 */
/* What a device may be. */
#ifndef USERBLK_CONFIG_H
#define USERBLK_CONFIG_H

#include "ioctl/userblk_ioctl.h"

/*
 * Puts the defaults where 0 stands, then checks every field. 0, -EINVAL or
 * -EFBIG.
 */
int userblk_config_check(struct userblk_config *config);

/* Is this a size for a device with this block size? 0, -EINVAL or -EFBIG. */
int userblk_config_check_size(u64 size, u32 logical_block_size);

#endif /* USERBLK_CONFIG_H */
