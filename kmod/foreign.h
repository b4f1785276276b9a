/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ending a request runs code of others: the bio's owner may drop the last
 * reference to an open file, and what fput() puts off until the current task
 * returns to user space is then the last close of a disk, or the eviction of an
 * inode, that waits for I/O. A worker would wait for its own device, and
 * whoever resets or removes it would be held up.
 *
 * With bottom halves disabled fput() leaves that to the kernel's own work, as
 * it does for a completion in an interrupt. Every request ends between these
 * two (invariant 11).
 */
#ifndef USERBLK_FOREIGN_H
#define USERBLK_FOREIGN_H

#include <linux/bottom_half.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>

/*
 * Any context. What this returns goes to userblk_foreign_leave(). Nothing is to
 * be done in an interrupt, and nothing may be while they are disabled: redirected
 * I/O ends there, and no driver ends it so in its submitter's call.
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
