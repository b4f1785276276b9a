// SPDX-License-Identifier: GPL-2.0
#include "registry.h"

#include <linux/mutex.h>
#include <linux/xarray.h>

#include "device.h"

static DEFINE_XARRAY_ALLOC(userblk_devices);
static DEFINE_MUTEX(userblk_registry_lock);

static bool userblk_registry_has_name(const char *name)
{
	struct userblk_device *device;
	unsigned long number;

	lockdep_assert_held(&userblk_registry_lock);
	if (!*name)
		return false;
	xa_for_each(&userblk_devices, number, device)
		if (!strcmp(device->config.name, name))
			return true;
	return false;
}

/* Reclaim must not wait for a device here: its removal would wait for us. */
static int userblk_registry_insert(struct userblk_device *device)
{
	u32 *number = &device->config.number;
	int err;

	if (*number != USERBLK_ANY_NUMBER) {
		err = xa_insert(&userblk_devices, *number, device, GFP_NOIO);
		return err == -EBUSY ? -EEXIST : err;
	}
	err = xa_alloc(&userblk_devices, number, device,
		       XA_LIMIT(0, USERBLK_MAX_DEVICES - 1), GFP_NOIO);
	return err == -EBUSY ? -ENOSPC : err;
}

int userblk_registry_add(struct userblk_device *device)
{
	int err = -EEXIST;

	if (mutex_lock_killable(&userblk_registry_lock))
		return -EINTR;
	if (!userblk_registry_has_name(device->config.name))
		err = userblk_registry_insert(device);
	if (!err)
		get_device(&device->node);
	mutex_unlock(&userblk_registry_lock);
	return err;
}

void userblk_registry_remove(struct userblk_device *device)
{
	mutex_lock(&userblk_registry_lock);
	xa_erase(&userblk_devices, device->config.number);
	mutex_unlock(&userblk_registry_lock);
	userblk_device_put(device);
}

struct userblk_device *userblk_registry_get(u32 number)
{
	struct userblk_device *device;

	if (mutex_lock_killable(&userblk_registry_lock))
		return ERR_PTR(-EINTR);
	device = xa_load(&userblk_devices, number);
	if (device)
		get_device(&device->node);
	mutex_unlock(&userblk_registry_lock);
	return device;
}

struct userblk_device *userblk_registry_next(unsigned long *number)
{
	struct userblk_device *device;

	if (mutex_lock_killable(&userblk_registry_lock))
		return ERR_PTR(-EINTR);
	device = xa_find(&userblk_devices, number, ULONG_MAX, XA_PRESENT);
	if (device)
		get_device(&device->node);
	mutex_unlock(&userblk_registry_lock);
	return device;
}

void userblk_registry_destroy(void)
{
	xa_destroy(&userblk_devices);
}
