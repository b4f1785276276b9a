/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices by number. The lock is held for lookups and updates only, never
 * while a device is created, removed or waited for.
 */
#ifndef USERBLK_REGISTRY_H
#define USERBLK_REGISTRY_H

#include <linux/types.h>

struct userblk_node;

/*
 * Adds the node of a new device under *number or, with USERBLK_ANY_NUMBER,
 * under the lowest free number, which is stored there. The name is that of the
 * settings. Takes a reference. 0, -EEXIST, -ENOSPC, -ENOMEM or -EINTR.
 */
int userblk_registry_add(struct userblk_node *node, u32 *number);
void userblk_registry_remove(struct userblk_node *node);

/*
 * The device with this number, in any state, with a reference. NULL if there is
 * none, or ERR_PTR(-EINTR).
 */
struct userblk_node *userblk_registry_get(u32 number);

/* The same for the first device from *number on, whose number goes to *number. */
struct userblk_node *userblk_registry_next(unsigned long *number);

void userblk_registry_destroy(void);

#endif /* USERBLK_REGISTRY_H */
