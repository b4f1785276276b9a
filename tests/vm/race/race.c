// SPDX-License-Identifier: MIT
/*
 * Loading this module makes two threads race for data: for tests/vm/selftest, which proves that a
 * race in the module under test fails a run.
 */

#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>

static unsigned long shared;

static int race_run(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static int __init race_init(void)
{
	struct task_struct *threads[2];
	int i;

	for (i = 0; i < 2; i++)
		threads[i] = kthread_run(race_run, NULL, "race%d", i);
	/* The detector watches one access in some thousands. */
	msleep(10000);
	for (i = 0; i < 2; i++)
		if (!IS_ERR(threads[i]))
			kthread_stop(threads[i]);
	/* Unloads itself, and can be loaded again. */
	return -ECANCELED;
}
module_init(race_init);

MODULE_DESCRIPTION("races for data when loaded");
MODULE_LICENSE("Dual MIT/GPL");
