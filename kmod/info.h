/* SPDX-License-Identifier: GPL-2.0 */
/* INFO, and the sums that sysfs shows too. */
#ifndef USERBLK_INFO_H
#define USERBLK_INFO_H

#include "caller.h"

/* What the queue holds; a snapshot taken slot by slot, without locks. */
struct userblk_census {
	u64 queued;
	u64 taken;
	u64 orphaned;
	u64 redirected;
	u64 oldest_queued_ns;
	u64 oldest_taken_ns;
};

void userblk_census_take(struct userblk_queue *queue,
			 struct userblk_census *census);

/*
 * The number of living takers. If 0, *unserved_ns is for how long (never
 * served: 0).
 */
u32 userblk_queue_servers(struct userblk_queue *queue, u64 *unserved_ns);

long userblk_info(struct userblk_caller *caller, void __user *arg);

/* The features of this module. */
#define USERBLK_FEATURES	(USERBLK_FEATURE_REDIRECT | \
				 USERBLK_FEATURE_PAYLOAD_FILE | \
				 USERBLK_FEATURE_ZEROES | \
				 USERBLK_FEATURE_SPIN | \
				 USERBLK_FEATURE_SERVERS | \
				 USERBLK_FEATURE_EMPTY_UNTIL_SERVED | \
				 USERBLK_FEATURE_DISKSEQ | \
				 USERBLK_FEATURE_WAKE | \
				 USERBLK_FEATURE_STORE_CLASS)

#endif /* USERBLK_INFO_H */
