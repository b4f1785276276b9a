/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In whose name: what is kept of a worker for those who go on with its request
 * when it may be gone. They act with its credentials and at its cgroups' expense,
 * and in nothing else as it would: not in its namespaces, not with its memory.
 */
#ifndef USERBLK_IDENTITY_H
#define USERBLK_IDENTITY_H

#include <linux/blk-cgroup.h>
#include <linux/cred.h>
#include <linux/memcontrol.h>

/**
 * struct userblk_identity - a worker's
 * @cred: its credentials, referenced; NULL: it is not known
 * @blkcg: its I/O cgroup, likewise, if the kernel has any
 *
 * No lock: it is remembered before anybody else may ask, and forgotten after.
 */
struct userblk_identity {
	const struct cred *cred;
	struct cgroup_subsys_state *blkcg;
};

/* The current process', if none is known yet. Any context where it is current. */
void userblk_identity_remember(struct userblk_identity *identity);
void userblk_identity_forget(struct userblk_identity *identity);

/**
 * struct userblk_guise - of a kernel thread that acts for a worker
 * @identity: whose, with references of its own
 * @cred: the thread's own, as is the rest
 * @memory: the memory cgroup that is charged, referenced
 * @old_memory: the one that was
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
 * In a kernel thread: acts as the worker until it resigns, which does not need
 * the identity any more. Between them it is on writeback's own way: memory is not
 * waited for by I/O.
 */
void userblk_guise_assume(struct userblk_guise *guise,
			  const struct userblk_identity *identity);
void userblk_guise_resign(struct userblk_guise *guise);

#endif /* USERBLK_IDENTITY_H */
