// SPDX-License-Identifier: MIT
/*
 * Loading this module leaks memory: for tests/vm/selftest, which proves that a leak in the module
 * under test fails a run.
 */

#include <linux/module.h>
#include <linux/slab.h>

/* More than one: a pointer to the last may linger somewhere for a while. */
static int __init leak_init(void)
{
	int i;

	for (i = 0; i < 16; i++)
		if (!kzalloc(100, GFP_KERNEL))
			return -ENOMEM;
	/* Unloads itself before anybody looks. */
	return -ECANCELED;
}
module_init(leak_init);

MODULE_DESCRIPTION("loses memory when loaded");
MODULE_LICENSE("Dual MIT/GPL");
