// SPDX-License-Identifier: MIT
/*
 * Loading this module makes the kernel print a real warning: for tests/vm/selftest, which proves
 * that one fails a run.
 */

#include <linux/bug.h>
#include <linux/module.h>

static int __init warn_init(void)
{
	WARN(1, "asked to warn\n");
	/* Can be loaded again without being unloaded. */
	return -ECANCELED;
}
module_init(warn_init);

MODULE_DESCRIPTION("prints a kernel warning when loaded");
MODULE_LICENSE("Dual MIT/GPL");
