// SPDX-License-Identifier: GPL-2.0
#include "registry.h"

#include <linux/mutex.h>
#include <linux/xarray.h>

#include "config.h"
#include "node.h"

static DEFINE_XARRAY_ALLOC(userblk_devices);
static DEFINE_MUTEX(userblk_registry_lock);

static bool userblk_registry_has_name(const char *name)
{
	struct userblk_node *node;
	unsigned long number;

	lockdep_assert_held(&userblk_registry_lock);
	if (!*name)
		return false;
	xa_for_each(&userblk_devices, number, node)
		if (!strcmp(userblk_node_settings(node)->config.name, name))
			return true;
	return false;
}

/* Reclaim must not wait for a device here: its removal would wait for us. */
static int userblk_registry_insert(struct userblk_node *node, u32 *number)
{
	int err;

	if (*number != USERBLK_ANY_NUMBER) {
		err = xa_insert(&userblk_devices, *number, node, GFP_NOIO);
		return err == -EBUSY ? -EEXIST : err;
	}
	err = xa_alloc(&userblk_devices, number, node,
		       XA_LIMIT(0, USERBLK_MAX_DEVICES - 1), GFP_NOIO);
	return err == -EBUSY ? -ENOSPC : err;
}

int userblk_registry_add(struct userblk_node *node, u32 *number)
{
	const char *name = userblk_node_settings(node)->config.name;
	int err = -EEXIST;

	if (mutex_lock_killable(&userblk_registry_lock))
		return -EINTR;
	if (!userblk_registry_has_name(name))
		err = userblk_registry_insert(node, number);
	if (!err)
		get_device(&node->dev);
	mutex_unlock(&userblk_registry_lock);
	return err;
}

void userblk_registry_remove(struct userblk_node *node)
{
	mutex_lock(&userblk_registry_lock);
	xa_erase(&userblk_devices, userblk_node_settings(node)->config.number);
	mutex_unlock(&userblk_registry_lock);
	userblk_node_put(node);
}

struct userblk_node *userblk_registry_get(u32 number)
{
	struct userblk_node *node;

	if (mutex_lock_killable(&userblk_registry_lock))
		return ERR_PTR(-EINTR);
	node = xa_load(&userblk_devices, number);
	if (node)
		get_device(&node->dev);
	mutex_unlock(&userblk_registry_lock);
	return node;
}

struct userblk_node *userblk_registry_next(unsigned long *number)
{
	struct userblk_node *node;

	if (mutex_lock_killable(&userblk_registry_lock))
		return ERR_PTR(-EINTR);
	node = xa_find(&userblk_devices, number, ULONG_MAX, XA_PRESENT);
	if (node)
		get_device(&node->dev);
	mutex_unlock(&userblk_registry_lock);
	return node;
}

void userblk_registry_destroy(void)
{
	xa_destroy(&userblk_devices);
}
