// SPDX-License-Identifier: GPL-2.0
/* userblk: block devices whose driver is a set of ordinary processes. */
#include <linux/module.h>

#include "control.h"
#include "node.h"
#include "patience.h"
#include "registry.h"

#define USERBLK_MINORS	(1 + USERBLK_MAX_DEVICES)

struct class *userblk_class;
dev_t userblk_devt;
struct workqueue_struct *userblk_reclaim_wq;

static int __init userblk_init(void)
{
	int err;

	/* Named so that its rescuer does not pass for a server in ps and pgrep. */
	userblk_reclaim_wq = alloc_workqueue("ubk_reclaim",
					     WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!userblk_reclaim_wq)
		return -ENOMEM;
	err = alloc_chrdev_region(&userblk_devt, 0, USERBLK_MINORS, "userblk");
	if (err)
		goto destroy_wq;
	userblk_class = class_create("userblk");
	if (IS_ERR(userblk_class)) {
		err = PTR_ERR(userblk_class);
		goto unregister;
	}
	err = userblk_control_init();
	if (err)
		goto destroy_class;
	return 0;

destroy_class:
	class_destroy(userblk_class);
unregister:
	unregister_chrdev_region(userblk_devt, USERBLK_MINORS);
destroy_wq:
	destroy_workqueue(userblk_reclaim_wq);
	return err;
}

/* Devices pin the module, so none is left. */
static void __exit userblk_exit(void)
{
	userblk_control_exit();
	userblk_registry_destroy();
	class_destroy(userblk_class);
	unregister_chrdev_region(userblk_devt, USERBLK_MINORS);
	destroy_workqueue(userblk_reclaim_wq);
	/* RCU callbacks of this module free takers. */
	rcu_barrier();
}

module_init(userblk_init);
module_exit(userblk_exit);

MODULE_DESCRIPTION("Block devices whose driver is a set of ordinary processes");
MODULE_AUTHOR("The userblk developers");
MODULE_LICENSE("GPL");
MODULE_VERSION(USERBLK_VERSION);
