/* SPDX-License-Identifier: GPL-2.0 */
/* RESET: put taken requests back. */
#ifndef USERBLK_RESET_H
#define USERBLK_RESET_H

#include "caller.h"

long userblk_reset(struct userblk_caller *caller, void __user *arg);

#endif /* USERBLK_RESET_H */
