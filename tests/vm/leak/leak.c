// SPDX-License-Identifier: MIT
/*
 * Loading this module loses memory: for tests/vm/selftest, which proves that what the
 * module under test would lose fails a run.
 */

#include <linux/module.h>
#include <linux/slab.h>

/* More than one: a pointer to the last may stay somewhere for a while. */
static int __init leak_init(void)
{
	int i;

	for (i = 0; i < 16; i++)
		if (!kzalloc(100, GFP_KERNEL))
			return -ENOMEM;
	/* So that nothing is left of it by the time that somebody looks. */
	return -ECANCELED;
}
module_init(leak_init);

MODULE_DESCRIPTION("loses memory when loaded");
MODULE_LICENSE("Dual MIT/GPL");
