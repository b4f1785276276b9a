/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker's identity, kept for contexts that continue its request when the
 * worker may be gone. They act with its credentials and are charged to its
 * cgroups, and share nothing else with it: not its namespaces, not its memory.
 */
#ifndef USERBLK_IDENTITY_H
#define USERBLK_IDENTITY_H

#include <linux/blk-cgroup.h>
#include <linux/cred.h>
#include <linux/memcontrol.h>

/**
 * struct userblk_identity - identity of a worker
 * @cred: its credentials, referenced; NULL: not kept yet
 * @blkcg: its I/O cgroup, likewise, if the kernel has cgroups for I/O
 *
 * Needs no lock: set before another context may look, and dropped after the
 * last one has.
 */
struct userblk_identity {
	const struct cred *cred;
	struct cgroup_subsys_state *blkcg;
};

/*
 * Keeps the current process's identity, unless one is kept already. Any context
 * where the worker is current.
 */
void userblk_identity_remember(struct userblk_identity *identity);
void userblk_identity_forget(struct userblk_identity *identity);

/**
 * struct userblk_guise - a kernel thread that acts for a worker
 * @identity: the worker's, with references of its own
 * @cred: the thread's own, as is the rest
 * @memory: memory cgroup to charge meanwhile, referenced
 * @old_memory: memory cgroup to charge afterwards
 * @flags: of the thread
 */
struct userblk_guise {
	struct userblk_identity identity;
	const struct cred *cred;
	struct cgroup_subsys_state *memory;
	struct mem_cgroup *old_memory;
	unsigned int flags;
};

/*
 * Make a kernel thread act as the worker until it resigns, which no longer
 * needs the identity. In between it is on the writeback path: memory allocation
 * does no I/O.
 */
void userblk_guise_assume(struct userblk_guise *guise,
			  const struct userblk_identity *identity);
void userblk_guise_resign(struct userblk_guise *guise);

#endif /* USERBLK_IDENTITY_H */
