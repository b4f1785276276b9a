/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices by number. Its lock is held for look-ups only, never while a
 * device is made, removed or waited for.
 */
#ifndef USERBLK_REGISTRY_H
#define USERBLK_REGISTRY_H

#include <linux/types.h>

struct userblk_node;

/*
 * Enters the node of a device that is being made, under a number or under the
 * lowest free one, which is then written there; the name is the settings'.
 * Takes a reference. -EEXIST, -ENOSPC, -ENOMEM, -EINTR.
 */
int userblk_registry_add(struct userblk_node *node, u32 *number);
void userblk_registry_remove(struct userblk_node *node);

/*
 * The device with this number, with a reference, in whatever state; NULL;
 * ERR_PTR(-EINTR).
 */
struct userblk_node *userblk_registry_get(u32 number);

/* The same for the first device from *number on; *number becomes its. */
struct userblk_node *userblk_registry_next(unsigned long *number);

void userblk_registry_destroy(void);

#endif /* USERBLK_REGISTRY_H */
