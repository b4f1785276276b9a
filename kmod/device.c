// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <linux/slab.h>

#include "cancel.h"
#include "config.h"
#include "info.h"
#include "node.h"
#include "redirect.h"
#include "registry.h"

static void userblk_device_release(struct device *node)
{
	struct userblk_device *device =
		container_of(node, struct userblk_device, node);

	userblk_redirect_destroy(&device->queue);
	userblk_queue_destroy(&device->queue);
	kfree(device);
}

/*
 * Owner and permissions hold from the moment that the node appears. They are
 * for whoever makes it, which is first, and not for the uevent after that: udev
 * would apply them when it comes to it, by the number, and by then that may be
 * another device's.
 */
static char *userblk_device_devnode(userblk_devnode_arg *node, umode_t *mode,
				    kuid_t *uid, kgid_t *gid)
{
	struct userblk_device *device =
		container_of(node, struct userblk_device, node);

	/* As the node goes only its name is asked for. */
	if (mode && READ_ONCE(device->maker) == current) {
		*mode = device->config.mode;
		*uid = device->owner;
		*gid = device->group;
		WRITE_ONCE(device->maker, NULL);
	}
	return NULL;
}

static const struct device_type userblk_device_type = {
	.name = "userblk_control_node",
	.devnode = userblk_device_devnode,
	.release = userblk_device_release,
};

static struct userblk_device *
userblk_device_alloc(const struct userblk_config *config)
{
	struct userblk_device *device;

	device = kzalloc(sizeof(*device), GFP_KERNEL);
	if (!device)
		return ERR_PTR(-ENOMEM);
	device->config = *config;
	device->owner = make_kuid(current_user_ns(), config->uid);
	device->group = make_kgid(current_user_ns(), config->gid);
	if (!uid_valid(device->owner) || !gid_valid(device->group)) {
		kfree(device);
		return ERR_PTR(-EINVAL);
	}
	spin_lock_init(&device->lock);
	device_initialize(&device->node);
	device->node.class = userblk_class;
	device->node.type = &userblk_device_type;
	cdev_init(&device->cdev, &userblk_node_fops);
	device->cdev.owner = THIS_MODULE;
	return device;
}

/* In jiffies: at least one, at most what can be compared. */
static unsigned long userblk_device_limit(const struct userblk_device *device)
{
	u64 limit = nsecs_to_jiffies64(device->config.queue_limit_ns);

	return clamp_t(u64, limit, 1, MAX_JIFFY_OFFSET);
}

static int userblk_device_init_queue(struct userblk_device *device)
{
	struct userblk_queue *queue = &device->queue;
	int err;

	queue->number = device->config.number;
	queue->delivery_limit = device->config.delivery_limit;
	queue->front = &userblk_disk_front_ops;
	queue->front_data = device;
	if (device->config.queue_limit_ns)
		queue->limit = userblk_device_limit(device);
	err = userblk_queue_init(queue, device->config.queues,
				 device->config.depth);
	if (!err && device->config.flags & USERBLK_F_REDIRECT)
		err = userblk_redirect_init(queue);
	return err;
}

static int userblk_device_add_node(struct userblk_device *device)
{
	int err;

	device->node.devt = MKDEV(MAJOR(userblk_devt),
				  1 + device->config.number);
	err = dev_set_name(&device->node, "userblkc%u", device->config.number);
	if (err)
		return err;
	WRITE_ONCE(device->maker, current);
	err = cdev_device_add(&device->cdev, &device->node);
	WRITE_ONCE(device->maker, NULL);
	return err;
}

/* A scan that is started under the lock is waited for by removal. */
static void userblk_device_fill_disk(struct userblk_device *device)
{
	lockdep_assert_held(&device->lock);
	userblk_disk_set_size(device, device->config.size);
	userblk_disk_start_scan(device);
}

static void userblk_device_set_live(struct userblk_device *device)
{
	spin_lock(&device->lock);
	device->state = USERBLK_DEVICE_LIVE;
	if (test_bit(0, &device->served))
		userblk_device_fill_disk(device);
	spin_unlock(&device->lock);
}

struct userblk_device *userblk_device_create(struct userblk_config *config)
{
	struct userblk_device *device;
	int err;

	device = userblk_device_alloc(config);
	if (IS_ERR(device))
		return device;
	err = userblk_registry_add(device);
	if (err)
		goto put;
	err = userblk_disk_init_tags(device);
	if (err)
		goto unregister;
	err = userblk_device_init_queue(device);
	if (err)
		goto free_tags;
	err = userblk_disk_alloc(device);
	if (err)
		goto free_tags;
	err = userblk_device_add_node(device);
	if (err)
		goto free_disk;
	err = userblk_disk_add(device);
	if (err)
		goto del_node;

	/* The device pins the module until it is removed. */
	__module_get(THIS_MODULE);
	*config = device->config;
	userblk_device_set_live(device);
	return device;

del_node:
	cdev_device_del(&device->cdev, &device->node);
free_disk:
	/* The node may have been opened already. */
	userblk_queue_kill(&device->queue);
	userblk_disk_free(device);
free_tags:
	userblk_disk_free_tags(device);
unregister:
	userblk_registry_remove(device);
put:
	userblk_device_put(device);
	return ERR_PTR(err);
}

/* LIVE -> REMOVING, unless it is in use and not forced. */
static int userblk_device_claim_removal(struct userblk_device *device,
					bool force)
{
	int err = 0;

	spin_lock(&device->lock);
	if (device->state != USERBLK_DEVICE_LIVE)
		err = -ENODEV;
	else if (device->openers && !force)
		err = -EBUSY;
	else
		device->state = USERBLK_DEVICE_REMOVING;
	spin_unlock(&device->lock);
	return err;
}

/* Its nodes are about to go, by which it could be seen. */
static void userblk_device_tell_redirected(struct userblk_device *device)
{
	struct userblk_census census;

	userblk_census_take(&device->queue, &census);
	if (census.redirected)
		pr_info("userblk%u: removal waits for %llu redirected requests\n",
			device->config.number, census.redirected);
}

int userblk_device_remove(struct userblk_device *device, bool force)
{
	int err = userblk_device_claim_removal(device, force);

	if (err)
		return err;

	/* Refuse and fail I/O first, so that nothing below waits for workers. */
	userblk_queue_kill(&device->queue);
	userblk_device_tell_redirected(device);
	cdev_device_del(&device->cdev, &device->node);
	userblk_disk_del(device);
	userblk_disk_free(device);
	userblk_disk_free_tags(device);
	userblk_registry_remove(device);
	module_put(THIS_MODULE);
	return 0;
}

int userblk_device_resize(struct userblk_device *device, u64 size)
{
	enum userblk_device_state state;
	int err;

	err = userblk_config_check_size(size,
					device->config.logical_block_size);
	if (err)
		return err;
	spin_lock(&device->lock);
	state = device->state;
	if (state == USERBLK_DEVICE_LIVE) {
		if (test_bit(0, &device->served) && device->config.size != size)
			userblk_disk_resize(device, size);
		device->config.size = size;
	}
	spin_unlock(&device->lock);
	if (state == USERBLK_DEVICE_NEW)
		return -EBUSY;
	return state == USERBLK_DEVICE_LIVE ? 0 : -ENODEV;
}

int userblk_device_open(struct userblk_device *device)
{
	int err = 0;

	spin_lock(&device->lock);
	if (device->state == USERBLK_DEVICE_REMOVING) {
		err = -ENXIO;
	} else {
		device->openers++;
		get_device(&device->node);
	}
	spin_unlock(&device->lock);
	return err;
}

void userblk_device_close(struct userblk_device *device)
{
	spin_lock(&device->lock);
	device->openers--;
	spin_unlock(&device->lock);
	userblk_device_put(device);
}

void userblk_device_first_get(struct userblk_device *device)
{
	spin_lock(&device->lock);
	if (!test_bit(0, &device->served)) {
		if (device->state == USERBLK_DEVICE_LIVE)
			userblk_device_fill_disk(device);
		/* Who sees it set sees the capacity. */
		smp_mb__before_atomic();
		set_bit(0, &device->served);
	}
	spin_unlock(&device->lock);
}
