// SPDX-License-Identifier: GPL-2.0
/* userblk: block devices whose driver is a set of ordinary processes. */
#include <linux/module.h>

#include "control.h"
#include "device.h"
#include "registry.h"

#define USERBLK_MINORS	(1 + USERBLK_MAX_DEVICES)

struct class *userblk_class;
dev_t userblk_devt;

static int __init userblk_init(void)
{
	int err;

	err = alloc_chrdev_region(&userblk_devt, 0, USERBLK_MINORS, "userblk");
	if (err)
		return err;
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
	return err;
}

/* Devices pin the module, so none is left. */
static void __exit userblk_exit(void)
{
	userblk_control_exit();
	userblk_registry_destroy();
	class_destroy(userblk_class);
	unregister_chrdev_region(userblk_devt, USERBLK_MINORS);
}

module_init(userblk_init);
module_exit(userblk_exit);

MODULE_DESCRIPTION("Block devices whose driver is a set of ordinary processes");
MODULE_AUTHOR("The userblk developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
