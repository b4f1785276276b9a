// SPDX-License-Identifier: GPL-2.0
#include "identity.h"

#include <linux/cgroup.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>

void userblk_identity_remember(struct userblk_identity *identity)
{
	if (identity->cred)
		return;
	identity->cred = get_current_cred();
#ifdef CONFIG_BLK_CGROUP
	identity->blkcg = task_get_css(current, io_cgrp_id);
#endif
}

void userblk_identity_forget(struct userblk_identity *identity)
{
	if (!identity->cred)
		return;
	put_cred(identity->cred);
#ifdef CONFIG_BLK_CGROUP
	css_put(identity->blkcg);
#endif
	identity->cred = NULL;
}

void userblk_guise_assume(struct userblk_guise *guise,
			  const struct userblk_identity *identity)
{
	guise->identity.cred = get_cred(identity->cred);
	guise->flags = current->flags;
	/* This is on the writeback path: it must not wait for writeback. */
	current->flags |= PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO;
	guise->cred = override_creds(guise->identity.cred);
#ifdef CONFIG_BLK_CGROUP
	guise->identity.blkcg = identity->blkcg;
	css_get(identity->blkcg);
	kthread_associate_blkcg(identity->blkcg);
#ifdef CONFIG_MEMCG
	guise->memory =
		cgroup_get_e_css(identity->blkcg->cgroup, &memory_cgrp_subsys);
	guise->old_memory =
		set_active_memcg(mem_cgroup_from_css(guise->memory));
#endif
#endif
}

void userblk_guise_resign(struct userblk_guise *guise)
{
#ifdef CONFIG_BLK_CGROUP
#ifdef CONFIG_MEMCG
	set_active_memcg(guise->old_memory);
	if (guise->memory)
		css_put(guise->memory);
#endif
	kthread_associate_blkcg(NULL);
	css_put(guise->identity.blkcg);
#endif
	revert_creds(guise->cred);
	put_cred(guise->identity.cred);
	current_restore_flags(guise->flags,
			      PF_LOCAL_THROTTLE | PF_MEMALLOC_NOIO);
}
