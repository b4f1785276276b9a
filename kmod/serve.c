// SPDX-License-Identifier: GPL-2.0
#include "serve.h"

#include "get.h"
#include "put.h"
#include "record.h"

/*
 * Each header is written to before anything is taken or answered, so that a
 * header in read-only memory fails early.
 */

/* Writes back the output fields; count is 0 already. */
static inline int userblk_serve_tell_get(struct userblk_get __user *user,
					 const struct userblk_get *get)
{
	if (!user_write_access_begin(user, sizeof(*user)))
		return -EFAULT;
	if (get->count)
		unsafe_put_user(get->count, &user->count, fault);
	unsafe_put_user(get->flags, &user->flags, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

/* Clears the output fields before anything is done. */
static int userblk_serve_tell_nothing(struct userblk_serve __user *user)
{
	if (!user_write_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_put_user(0, &user->put.failed, fault);
	unsafe_put_user(0, &user->get.count, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

long userblk_serve_get(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_get __user *user = arg;
	struct userblk_get get __uninitialized;
	int err;

	if (!userblk_record_read(&get, user, sizeof(get)))
		return -EFAULT;
	err = userblk_get_check(caller->queue, &get);
	if (err)
		return err;
	if (put_user(0, &user->count))
		return -EFAULT;
	err = userblk_get_run(caller, &get);
	return userblk_serve_tell_get(user, &get) ?: err;
}

long userblk_serve_put(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_put __user *user = arg;
	struct userblk_put put __uninitialized;
	int err;

	if (!userblk_record_read(&put, user, sizeof(put)))
		return -EFAULT;
	err = userblk_put_check(&put, false);
	if (err)
		return err;
	if (put_user(0, &user->failed))
		return -EFAULT;
	err = userblk_put_run(caller, &put);
	if (put.failed && put_user(put.failed, &user->failed))
		return -EFAULT;
	return err;
}

long userblk_serve(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_serve __user *user = arg;
	struct userblk_serve serve __uninitialized;
	int err;

	if (!userblk_record_read(&serve, user, sizeof(serve)))
		return -EFAULT;
	err = userblk_put_check(&serve.put, true);
	if (!err)
		err = userblk_get_check(caller->queue, &serve.get);
	if (!err)
		err = userblk_serve_tell_nothing(user);
	if (err)
		return err;

	err = userblk_put_run(caller, &serve.put);
	if (err) {
		if (put_user(serve.put.failed, &user->put.failed))
			return -EFAULT;
		return err;
	}
	/* Do not sleep while an answer has to be given again. */
	if (serve.put.failed)
		serve.get.timeout_ns = 0;
	err = userblk_get_run(caller, &serve.get);
	/* The answers are done: a signal must not hide that. */
	if (err == -EINTR)
		err = 0;
	if (serve.put.failed && put_user(serve.put.failed, &user->put.failed))
		return -EFAULT;
	return userblk_serve_tell_get(&user->get, &serve.get) ?: err;
}
