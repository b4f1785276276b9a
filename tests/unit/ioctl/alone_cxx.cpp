// SPDX-License-Identifier: MIT
// The header needs nothing before it, may be included twice, and lives inside extern "C".
extern "C" {
#include "ioctl/userblk_ioctl.h"
}
#include "ioctl/userblk_ioctl.h"

static_assert(sizeof(userblk_serve) == sizeof(userblk_put) + sizeof(userblk_get));
