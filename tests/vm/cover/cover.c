// SPDX-License-Identifier: GPL-2.0
/*
 * Like the kernel's own KCOV (Documentation/dev-tools/kcov.rst), for one module built with
 * -fsanitize-coverage=trace-pc, on kernels without it: debugfs gets a file "kcov" with part of
 * its interface: KCOV_INIT_TRACE, KCOV_ENABLE with KCOV_TRACE_PC, and mmap. A record is enabled
 * for the calling task until it is enabled for another one, or closed.
 */

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <uapi/linux/kcov.h>

#define COVER_RECORDS	32
#define COVER_WORDS	(64ul << 10)

/**
 * struct cover_record - the path of one task
 * @task: the recorded task, or NULL; only compared
 * @area: the number of places, followed by the places; freed with the module, since
 *	a task may still write to it
 * @open: a file is open for this record; cover_lock
 */
struct cover_record {
	struct task_struct *task;
	unsigned long *area;
	bool open;
};

static struct cover_record cover_records[COVER_RECORDS];
static DEFINE_MUTEX(cover_lock);
static struct dentry *cover_file;

/* Called on each branch of the other module, so with as little as possible. */
void notrace __sanitizer_cov_trace_pc(void)
{
	unsigned long *area;
	unsigned long n;
	int i;

	if (!in_task())
		return;
	for (i = 0; i < COVER_RECORDS; i++) {
		if (READ_ONCE(cover_records[i].task) != current)
			continue;
		area = cover_records[i].area;
		n = READ_ONCE(area[0]) + 1;
		if (n < COVER_WORDS) {
			WRITE_ONCE(area[0], n);
			area[n] = _RET_IP_;
		}
		return;
	}
}
EXPORT_SYMBOL_GPL(__sanitizer_cov_trace_pc);

static int cover_open(struct inode *inode, struct file *file)
{
	int i, err = -EBUSY;

	mutex_lock(&cover_lock);
	for (i = 0; i < COVER_RECORDS; i++) {
		struct cover_record *record = &cover_records[i];

		if (record->open)
			continue;
		if (!record->area)
			record->area = vmalloc_user(COVER_WORDS *
						    sizeof(*record->area));
		err = record->area ? 0 : -ENOMEM;
		record->open = !err;
		file->private_data = record;
		break;
	}
	mutex_unlock(&cover_lock);
	return err;
}

static int cover_release(struct inode *inode, struct file *file)
{
	struct cover_record *record = file->private_data;

	WRITE_ONCE(record->task, NULL);
	mutex_lock(&cover_lock);
	record->open = false;
	mutex_unlock(&cover_lock);
	return 0;
}

static int cover_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct cover_record *record = file->private_data;

	return remap_vmalloc_range(vma, record->area, 0);
}

static long cover_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct cover_record *record = file->private_data;

	switch (cmd) {
	case KCOV_INIT_TRACE:
		return arg == COVER_WORDS ? 0 : -EINVAL;
	case KCOV_ENABLE:
		if (arg != KCOV_TRACE_PC)
			return -EINVAL;
		WRITE_ONCE(record->task, current);
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations cover_fops = {
	.owner = THIS_MODULE,
	.open = cover_open,
	.release = cover_release,
	.mmap = cover_mmap,
	.unlocked_ioctl = cover_ioctl,
};

static int __init cover_init(void)
{
	cover_file = debugfs_create_file_unsafe("kcov", 0600, NULL, NULL,
						&cover_fops);
	return PTR_ERR_OR_ZERO(cover_file);
}

static void __exit cover_exit(void)
{
	int i;

	debugfs_remove(cover_file);
	for (i = 0; i < COVER_RECORDS; i++)
		vfree(cover_records[i].area);
}

module_init(cover_init);
module_exit(cover_exit);
MODULE_DESCRIPTION("tells where an instrumented module went");
MODULE_LICENSE("GPL");
