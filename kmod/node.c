// SPDX-License-Identifier: GPL-2.0
#include "node.h"

#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "caller.h"
#include "config.h"
#include "info.h"
#include "payload_file.h"
#include "reset.h"
#include "serve.h"
#include "sysfs.h"

/* ----------------------------------------------------------- open files */

static int userblk_node_open(struct inode *inode, struct file *file)
{
	struct userblk_node *node =
		container_of(inode->i_cdev, struct userblk_node, cdev);
	struct userblk_caller *caller;

	if (userblk_queue_is_dying(node->queue))
		return -ENODEV;
	caller = userblk_caller_create(node->queue);
	if (IS_ERR(caller))
		return PTR_ERR(caller);
	get_device(&node->dev);
	file->private_data = caller;
	/*
	 * A payload is there or will never be; what poll tells is about requests.
	 * io_uring would wait for that before it reads.
	 */
	file->f_mode |= FMODE_NOWAIT;
	return 0;
}

static int userblk_node_release(struct inode *inode, struct file *file)
{
	struct userblk_caller *caller = file->private_data;
	struct device *dev = caller->queue->front->node;

	userblk_caller_destroy(caller);
	put_device(dev);
	return 0;
}

/*
 * Each close of a descriptor, exit and exec included. An exec that closes the
 * descriptor is the end of an image without the end of its process.
 */
static int userblk_node_flush(struct file *file, fl_owner_t id)
{
	struct userblk_caller *caller = file->private_data;
	struct userblk_queue *queue = caller->queue;

	if (current->in_execve)
		userblk_taker_exec(&queue->takers);
	/* A poller woken for a request may leave without having taken it. */
	userblk_queue_wake_for_rest(queue);
	return 0;
}

static __poll_t userblk_node_poll(struct file *file, poll_table *wait)
{
	struct userblk_caller *caller = file->private_data;
	struct userblk_queue *queue = caller->queue;
	__poll_t events = 0;

	/* Who waits for requests means to serve, as who GETs does. */
	if (file->f_mode & FMODE_WRITE &&
	    poll_requested_events(wait) & EPOLLIN)
		userblk_front_note_served(queue->front);
	poll_wait(file, &queue->waiters.pollers, wait);
	/* Pairs with the barrier of a waker: it sees us, or we its work. */
	smp_mb();
	if (userblk_queue_has_work(queue))
		events |= EPOLLIN | EPOLLRDNORM;
	if (userblk_takers_orphans(&queue->takers))
		events |= EPOLLPRI;
	/* Pairs with userblk_hwq_kill(): if it took the work away, it is dying. */
	smp_rmb();
	return userblk_queue_is_dying(queue) ? EPOLLHUP | EPOLLERR : events;
}

static long userblk_node_resize(struct userblk_queue *queue, void __user *arg)
{
	struct userblk_front *front = queue->front;
	u32 block = front->settings->config.logical_block_size;
	struct userblk_resize resize;
	int err;

	if (copy_from_user(&resize, arg, sizeof(resize)))
		return -EFAULT;
	if (resize.flags || resize.reserved)
		return -EINVAL;
	err = userblk_config_check_size(resize.size, block);
	return err ?: userblk_front_resize(front, resize.size);
}

static long userblk_node_ioctl(struct file *file, unsigned int cmd,
			       unsigned long value)
{
	struct userblk_caller *caller = file->private_data;
	void __user *arg = (void __user *)value;

	if (userblk_queue_is_dying(caller->queue))
		return -ENODEV;
	/* To look is one thing, to serve another. */
	if (cmd != USERBLK_INFO && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	switch (cmd) {
	case USERBLK_SERVE:
		return userblk_serve(caller, arg);
	case USERBLK_GET:
		return userblk_serve_get(caller, arg);
	case USERBLK_PUT:
		return userblk_serve_put(caller, arg);
	case USERBLK_RESET:
		return userblk_reset(caller, arg);
	case USERBLK_INFO:
		return userblk_info(caller, arg);
	case USERBLK_RESIZE:
		return userblk_node_resize(caller->queue, arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations userblk_node_fops = {
	.owner = THIS_MODULE,
	.open = userblk_node_open,
	.release = userblk_node_release,
	.flush = userblk_node_flush,
	.poll = userblk_node_poll,
	.llseek = no_seek_end_llseek,
	.read_iter = userblk_payload_read_iter,
	.write_iter = userblk_payload_write_iter,
	.splice_read = userblk_payload_splice_read,
	.splice_write = iter_file_splice_write,
	.unlocked_ioctl = userblk_node_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* -------------------------------------------------------- the node itself */

/*
 * Owner and permissions hold from the moment that the node appears. They are
 * for whoever makes it, which is first, and not for the uevent after that: udev
 * would apply them when it comes to it, by the number, and by then that may be
 * another device's.
 */
static char *userblk_node_devnode(userblk_devnode_arg *dev, umode_t *mode,
				  kuid_t *uid, kgid_t *gid)
{
	struct userblk_node *node = container_of(dev, struct userblk_node, dev);
	const struct userblk_settings *settings = userblk_node_settings(node);

	/* As the node goes only its name is asked for. */
	if (mode && READ_ONCE(node->maker) == current) {
		*mode = settings->config.mode;
		*uid = settings->owner;
		*gid = settings->group;
		WRITE_ONCE(node->maker, NULL);
	}
	return NULL;
}

static const struct device_type userblk_node_type = {
	.name = "userblk_control_node",
	.devnode = userblk_node_devnode,
};

void userblk_node_init(struct userblk_node *node, struct userblk_queue *queue,
		       void (*release)(struct device *dev))
{
	node->queue = queue;
	device_initialize(&node->dev);
	node->dev.class = userblk_class;
	node->dev.type = &userblk_node_type;
	node->dev.release = release;
	node->dev.groups = userblk_sysfs_node_groups;
	dev_set_drvdata(&node->dev, queue);
	cdev_init(&node->cdev, &userblk_node_fops);
	node->cdev.owner = THIS_MODULE;
}

int userblk_node_add(struct userblk_node *node)
{
	u32 number = userblk_node_settings(node)->config.number;
	int err;

	node->dev.devt = MKDEV(MAJOR(userblk_devt), 1 + number);
	err = dev_set_name(&node->dev, "userblkc%u", number);
	if (err)
		return err;
	WRITE_ONCE(node->maker, current);
	err = cdev_device_add(&node->cdev, &node->dev);
	WRITE_ONCE(node->maker, NULL);
	return err;
}

void userblk_node_del(struct userblk_node *node)
{
	cdev_device_del(&node->cdev, &node->dev);
}
