/* SPDX-License-Identifier: GPL-2.0 */
/* PUT: answer taken requests. */
#ifndef USERBLK_PUT_H
#define USERBLK_PUT_H

#include "caller.h"

/* Validates the header. 0, -ENOTTY or -EINVAL. */
static inline int userblk_put_check(const struct userblk_put *put,
				    bool may_be_empty)
{
	if (put->answer_size != sizeof(struct userblk_answer))
		return -ENOTTY;
	if (put->flags || put->count > USERBLK_MAX_BATCH)
		return -EINVAL;
	return put->count || may_be_empty ? 0 : -EINVAL;
}

/* Carries out a validated PUT and counts failed records. 0, -EFAULT or -EINTR. */
int userblk_put_run(struct userblk_caller *caller, struct userblk_put *put);

#endif /* USERBLK_PUT_H */
