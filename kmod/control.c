// SPDX-License-Identifier: GPL-2.0
#include "control.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "config.h"
#include "device.h"
#include "disk.h"
#include "info.h"
#include "registry.h"

static long userblk_control_create(void __user *arg)
{
	struct userblk_config __user *user = arg;
	struct userblk_config config;
	struct userblk_device *device;
	struct userblk_front *front;
	int err;

	if (copy_from_user(&config, user, sizeof(config)))
		return -EFAULT;
	err = userblk_config_check(&config);
	if (err)
		return err;
	/* Fail early if the number cannot be returned. */
	if (put_user(config.number, &user->number))
		return -EFAULT;
	front = userblk_disk_create();
	if (!front)
		return -ENOMEM;
	device = userblk_device_create(&config, front);
	if (IS_ERR(device))
		return PTR_ERR(device);
	if (copy_to_user(user, &config, sizeof(config))) {
		/* Not by number, which may be another device's by now. */
		userblk_device_remove(device, true);
		err = -EFAULT;
	}
	userblk_device_put(device);
	return err;
}

/* Finds the device by number and, if given, diskseq. With a reference. */
static struct userblk_device *
userblk_control_find(const struct userblk_remove *remove)
{
	struct userblk_node *node = userblk_registry_get(remove->number);

	if (!node)
		return ERR_PTR(-ENODEV);
	if (IS_ERR(node))
		return ERR_CAST(node);
	if (remove->diskseq && remove->diskseq != node->queue->front->diskseq) {
		userblk_node_put(node);
		return ERR_PTR(-ENODEV);
	}
	return userblk_device_of(node);
}

static long userblk_control_remove(void __user *arg, size_t size)
{
	struct userblk_remove remove = {};
	struct userblk_device *device;
	int err;

	if (copy_from_user(&remove, arg, size))
		return -EFAULT;
	if (remove.flags & ~USERBLK_REMOVE_FORCE)
		return -EINVAL;
	device = userblk_control_find(&remove);
	if (IS_ERR(device))
		return PTR_ERR(device);
	err = userblk_device_remove(device,
				    remove.flags & USERBLK_REMOVE_FORCE);
	userblk_device_put(device);
	return err;
}

/* False for a device that is being created or removed. */
static bool userblk_control_list_entry(const struct userblk_node *node,
				       struct userblk_list_entry *entry)
{
	const struct userblk_config *config =
		&userblk_node_settings(node)->config;

	entry->flags = config->flags;
	entry->number = config->number;
	entry->store_class = config->store_class;
	memcpy(entry->name, config->name, sizeof(entry->name));
	return userblk_front_is_live(node->queue->front, &entry->size);
}

static int userblk_control_list_all(struct userblk_list *list, u32 room)
{
	struct userblk_list_entry __user *to = u64_to_user_ptr(list->entries);
	unsigned long number = list->first;
	struct userblk_node *node;

	for (; (node = userblk_registry_next(&number)); number++) {
		struct userblk_list_entry entry = {};
		bool live;

		if (IS_ERR(node))
			return PTR_ERR(node);
		live = userblk_control_list_entry(node, &entry);
		userblk_node_put(node);
		if (!live || list->total++ >= room)
			continue;
		if (copy_to_user(&to[list->count], &entry, sizeof(entry)))
			return -EFAULT;
		list->count++;
	}
	return 0;
}

static long userblk_control_list(void __user *arg)
{
	struct userblk_list list;
	u32 room;
	int err;

	if (copy_from_user(&list, arg, sizeof(list)))
		return -EFAULT;
	if (list.entry_size != sizeof(struct userblk_list_entry))
		return -ENOTTY;
	room = list.count;
	list.features = USERBLK_FEATURES;
	list.count = 0;
	list.total = 0;
	err = userblk_control_list_all(&list, room);
	if (err)
		return err;
	return copy_to_user(arg, &list, sizeof(list)) ? -EFAULT : 0;
}

static long userblk_control_ioctl(struct file *file, unsigned int cmd,
				  unsigned long value)
{
	void __user *arg = (void __user *)value;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (cmd) {
	case USERBLK_CREATE:
		return userblk_control_create(arg);
	case USERBLK_REMOVE:
	case USERBLK_REMOVE_1:
		return userblk_control_remove(arg, _IOC_SIZE(cmd));
	case USERBLK_LIST:
		return userblk_control_list(arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations userblk_control_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = userblk_control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct cdev userblk_control_cdev;

int userblk_control_init(void)
{
	struct device *node;
	int err;

	cdev_init(&userblk_control_cdev, &userblk_control_fops);
	userblk_control_cdev.owner = THIS_MODULE;
	err = cdev_add(&userblk_control_cdev, userblk_devt, 1);
	if (err)
		return err;
	node = device_create(userblk_class, NULL, userblk_devt, NULL,
			     "userblk-control");
	if (IS_ERR(node)) {
		cdev_del(&userblk_control_cdev);
		return PTR_ERR(node);
	}
	return 0;
}

void userblk_control_exit(void)
{
	device_destroy(userblk_class, userblk_devt);
	cdev_del(&userblk_control_cdev);
}
