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
	 * A payload is available or never will be, so reading it does not wait.
	 * Without this flag io_uring would poll first, but poll reports
	 * requests.
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
 * Called for each close of a descriptor, including by exit and exec. An exec
 * that closes the descriptor ends an image without ending its process.
 */
static int userblk_node_flush(struct file *file, fl_owner_t id)
{
	struct userblk_caller *caller = file->private_data;
	struct userblk_queue *queue = caller->queue;

	if (current->in_execve)
		userblk_taker_exec(&queue->takers);
	/* A poller woken for a request may leave without taking it. */
	userblk_queue_wake_for_rest(queue);
	return 0;
}

static __poll_t userblk_node_poll(struct file *file, poll_table *wait)
{
	struct userblk_caller *caller = file->private_data;
	struct userblk_queue *queue = caller->queue;
	__poll_t events = 0;

	/* A process that polls for requests serves, as one that calls GET does. */
	if (file->f_mode & FMODE_WRITE &&
	    poll_requested_events(wait) & EPOLLIN)
		userblk_front_note_served(queue->front);
	poll_wait(file, &queue->waiters.pollers, wait);
	/* Pairs with userblk_wake(): the waker sees us, or we see its requests. */
	smp_mb();
	if (userblk_queue_has_work(queue))
		events |= EPOLLIN | EPOLLRDNORM;
	if (userblk_takers_orphans(&queue->takers))
		events |= EPOLLPRI;
	/* Pairs with userblk_hwq_kill(): if it emptied the queue, we see dying. */
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

static long userblk_node_wake(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_wake wake;

	if (copy_from_user(&wake, arg, sizeof(wake)))
		return -EFAULT;
	if (wake.flags)
		return -EINVAL;
	userblk_caller_wake(caller, wake.count);
	return 0;
}

static long userblk_node_ioctl(struct file *file, unsigned int cmd,
			       unsigned long value)
{
	struct userblk_caller *caller = file->private_data;
	void __user *arg = (void __user *)value;

	if (userblk_queue_is_dying(caller->queue))
		return -ENODEV;
	/* Without write permission a process may look, not serve. */
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
	case USERBLK_WAKE:
		return userblk_node_wake(caller, arg);
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
 * Owner and permissions are in force when the node appears. Only the first
 * call, made by the task that adds the node, gets them, not the uevent that
 * follows: udev would apply them later, by number, and by then the number may
 * be another device's.
 */
static char *userblk_node_devnode(userblk_devnode_arg *dev, umode_t *mode,
				  kuid_t *uid, kgid_t *gid)
{
	struct userblk_node *node = container_of(dev, struct userblk_node, dev);
	const struct userblk_settings *settings = userblk_node_settings(node);

	/* mode is NULL when the node is removed: only its name matters then. */
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
