/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls of a worker: GET, PUT, and both in one call. */
#ifndef USERBLK_SERVE_H
#define USERBLK_SERVE_H

#include "caller.h"

long userblk_serve_get(struct userblk_caller *caller, void __user *arg);
long userblk_serve_put(struct userblk_caller *caller, void __user *arg);
long userblk_serve(struct userblk_caller *caller, void __user *arg);

#endif /* USERBLK_SERVE_H */
