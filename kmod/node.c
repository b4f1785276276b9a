// SPDX-License-Identifier: GPL-2.0
#include "node.h"

#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "info.h"
#include "payload_file.h"
#include "reset.h"
#include "serve.h"
#include "wake.h"

struct userblk_taker *userblk_node_find_taker(struct userblk_node *node)
{
	struct userblk_taker *taker, *old;

	taker = userblk_taker_get(&node->device->queue);
	if (IS_ERR(taker))
		return taker;
	spin_lock(&node->lock);
	old = node->taker;
	node->taker = taker;
	spin_unlock(&node->lock);
	if (old)
		userblk_taker_put(old);
	return taker;
}

static int userblk_node_open(struct inode *inode, struct file *file)
{
	struct userblk_device *device =
		container_of(inode->i_cdev, struct userblk_device, cdev);
	struct userblk_node *node;

	if (userblk_queue_is_dying(&device->queue))
		return -ENODEV;
	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	spin_lock_init(&node->lock);
	get_device(&device->node);
	node->device = device;
	file->private_data = node;
	/*
	 * A payload is there or will never be; what poll tells is about requests.
	 * io_uring would wait for that before it reads.
	 */
	file->f_mode |= FMODE_NOWAIT;
	return 0;
}

static int userblk_node_release(struct inode *inode, struct file *file)
{
	struct userblk_node *node = file->private_data;

	if (node->taker)
		userblk_taker_put(node->taker);
	userblk_device_put(node->device);
	kfree(node);
	return 0;
}

/*
 * Each close of a descriptor, exit and exec included. An exec that closes the
 * descriptor is the end of an image without the end of its process.
 */
static int userblk_node_flush(struct file *file, fl_owner_t id)
{
	struct userblk_node *node = file->private_data;
	struct userblk_queue *queue = &node->device->queue;

	if (current->in_execve)
		userblk_taker_exec(queue);
	/* A poller woken for a request may leave without having taken it. */
	userblk_wake_for_rest(queue);
	return 0;
}

static __poll_t userblk_node_poll(struct file *file, poll_table *wait)
{
	struct userblk_node *node = file->private_data;
	struct userblk_queue *queue = &node->device->queue;
	__poll_t events = 0;

	/* Who waits for requests means to serve, as who GETs does. */
	if (file->f_mode & FMODE_WRITE &&
	    poll_requested_events(wait) & EPOLLIN)
		userblk_device_served(node->device);
	poll_wait(file, &queue->pollers, wait);
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

static long userblk_node_resize(struct userblk_node *node, void __user *arg)
{
	struct userblk_resize resize;

	if (copy_from_user(&resize, arg, sizeof(resize)))
		return -EFAULT;
	if (resize.flags || resize.reserved)
		return -EINVAL;
	return userblk_device_resize(node->device, resize.size);
}

static long userblk_node_ioctl(struct file *file, unsigned int cmd,
			       unsigned long value)
{
	struct userblk_node *node = file->private_data;
	void __user *arg = (void __user *)value;

	if (userblk_queue_is_dying(&node->device->queue))
		return -ENODEV;
	/* To look is one thing, to serve another. */
	if (cmd != USERBLK_INFO && !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	switch (cmd) {
	case USERBLK_SERVE:
		return userblk_serve(node, arg);
	case USERBLK_GET:
		return userblk_serve_get(node, arg);
	case USERBLK_PUT:
		return userblk_serve_put(node, arg);
	case USERBLK_RESET:
		return userblk_reset(node, arg);
	case USERBLK_INFO:
		return userblk_info(node, arg);
	case USERBLK_RESIZE:
		return userblk_node_resize(node, arg);
	default:
		return -ENOTTY;
	}
}

const struct file_operations userblk_node_fops = {
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
