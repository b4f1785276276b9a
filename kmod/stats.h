/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of a device, one set per CPU so that counting costs nothing. */
#ifndef USERBLK_STATS_H
#define USERBLK_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#define USERBLK_STATS_OPS 5	/* USERBLK_OP_READ ... USERBLK_OP_WRITE_ZEROES */

struct userblk_stats {
	u64 completed[USERBLK_STATS_OPS];
	u64 bytes_read;
	u64 bytes_written;
	u64 errors;
	u64 gets;
	u64 resets;
	u64 put_back;
	u64 given_back;
	u64 stale;
	u64 expired;
	u64 exhausted;
	u64 redirects;
};

#define userblk_stats_add(queue, field, n) \
	this_cpu_add((queue)->stats->field, n)

/* Sums the CPUs' counters; a snapshot, but not of one moment. */
static inline void userblk_stats_sum(struct userblk_stats __percpu *stats,
				     struct userblk_stats *sum)
{
	const size_t words = sizeof(*sum) / sizeof(u64);
	u64 *to = (u64 *)sum;
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const u64 *from = (const u64 *)per_cpu_ptr(stats, cpu);

		for (i = 0; i < words; i++)
			to[i] += READ_ONCE(from[i]);
	}
}

#endif /* USERBLK_STATS_H */
