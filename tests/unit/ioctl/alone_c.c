/* SPDX-License-Identifier: MIT */
/* The header needs nothing before it, and may be included twice. */
#include "ioctl/userblk_ioctl.h"
#include "ioctl/userblk_ioctl.h"

extern struct userblk_serve userblk_alone_c;
struct userblk_serve userblk_alone_c;
