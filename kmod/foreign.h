/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ending a request runs foreign code: the bio's owner may drop the last
 * reference to an open file. fput() defers the rest until the current task
 * returns to user space: the last close of a disk or the eviction of an inode,
 * either of which may wait for I/O. A worker would wait for its own device, and
 * a task that resets or removes the device would hang.
 *
 * With bottom halves disabled fput() leaves that to a kernel thread, as it does
 * in a completion interrupt. Every request ends between these two functions
 * (invariant 11).
 */
#ifndef USERBLK_FOREIGN_H
#define USERBLK_FOREIGN_H

#include <linux/bottom_half.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>

/*
 * Any context. The result goes to userblk_foreign_leave(). Does nothing in an
 * interrupt, where nothing is needed, nor with interrupts disabled, where
 * local_bh_enable() is not allowed: redirected I/O may end that way, but no
 * driver ends it so within its submitter's call.
 */
static inline bool userblk_foreign_enter(void)
{
	if (in_interrupt() || irqs_disabled())
		return false;
	local_bh_disable();
	return true;
}

static inline void userblk_foreign_leave(bool entered)
{
	if (likely(entered))
		local_bh_enable();
}

#endif /* USERBLK_FOREIGN_H */
