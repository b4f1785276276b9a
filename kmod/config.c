// SPDX-License-Identifier: GPL-2.0
#include "config.h"

#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/string.h>

#define USERBLK_MAX_PHYSICAL_SIZE	BIT(20)
#define USERBLK_MIN_CHUNK_SIZE		4096u
#define USERBLK_MAX_CHUNK_SIZE		BIT(30)

static void userblk_config_default(u32 *field, u32 value)
{
	if (!*field)
		*field = value;
}

static void userblk_config_defaults(struct userblk_config *c)
{
	userblk_config_default(&c->logical_block_size,
			       USERBLK_DEFAULT_BLOCK_SIZE);
	userblk_config_default(&c->physical_block_size,
			       max(USERBLK_DEFAULT_PHYSICAL_SIZE,
				   c->logical_block_size));
	userblk_config_default(&c->io_min, c->physical_block_size);
	userblk_config_default(&c->max_transfer, USERBLK_DEFAULT_TRANSFER);
	userblk_config_default(&c->queues, USERBLK_DEFAULT_QUEUES);
	userblk_config_default(&c->depth, USERBLK_DEFAULT_DEPTH);
	userblk_config_default(&c->mode, USERBLK_DEFAULT_MODE);
	if (c->flags & USERBLK_F_DISCARD)
		userblk_config_default(&c->discard_granularity,
				       c->logical_block_size);
}

/*
 * By default only devices that root alone may serve can redirect, so that other
 * users cannot reach root's files.
 */
static void userblk_config_default_redirect(struct userblk_config *c)
{
	kuid_t owner = make_kuid(current_user_ns(), c->uid);
	bool roots = uid_eq(owner, GLOBAL_ROOT_UID) && !(c->mode & 0077);

	if (!(c->flags & (USERBLK_F_REDIRECT | USERBLK_F_NO_REDIRECT)))
		c->flags |= roots ? USERBLK_F_REDIRECT : USERBLK_F_NO_REDIRECT;
}

static bool userblk_is_power_of_2_in(u32 value, u32 min, u32 max)
{
	return is_power_of_2(value) && value >= min && value <= max;
}

int userblk_config_check_size(u64 size, u32 logical_block_size)
{
	if (size > MAX_LFS_FILESIZE)
		return -EFBIG;
	if (!size || size & (logical_block_size - 1))
		return -EINVAL;
	return 0;
}

static bool userblk_config_blocks_ok(const struct userblk_config *c)
{
	return userblk_is_power_of_2_in(c->logical_block_size,
					USERBLK_MIN_BLOCK_SIZE,
					USERBLK_MAX_BLOCK_SIZE) &&
	       userblk_is_power_of_2_in(c->physical_block_size,
					c->logical_block_size,
					USERBLK_MAX_PHYSICAL_SIZE) &&
	       !(c->io_min & (c->physical_block_size - 1)) &&
	       !(c->io_opt & (c->physical_block_size - 1));
}

static bool userblk_config_transfer_ok(const struct userblk_config *c)
{
	u32 min = max_t(u32, USERBLK_MIN_TRANSFER, PAGE_SIZE);

	if (!userblk_is_power_of_2_in(c->max_transfer, min,
				      USERBLK_MAX_TRANSFER))
		return false;
	return !c->chunk_size ||
	       userblk_is_power_of_2_in(c->chunk_size, USERBLK_MIN_CHUNK_SIZE,
					USERBLK_MAX_CHUNK_SIZE);
}

static bool userblk_config_queues_ok(const struct userblk_config *c)
{
	return c->queues <= USERBLK_MAX_QUEUES &&
	       c->depth <= USERBLK_MAX_DEPTH &&
	       c->queues * roundup_pow_of_two(c->depth) <= USERBLK_MAX_SLOTS;
}

static bool userblk_config_flags_ok(const struct userblk_config *c)
{
	if (c->flags & ~USERBLK_F_ALL)
		return false;
	if ((c->flags & USERBLK_F_FUA) && !(c->flags & USERBLK_F_CACHE))
		return false;
	if ((c->flags & USERBLK_F_REDIRECT) &&
	    (c->flags & USERBLK_F_NO_REDIRECT))
		return false;
	if (!(c->flags & USERBLK_F_DISCARD))
		return !c->discard_granularity;
	return userblk_is_power_of_2_in(c->discard_granularity,
					c->logical_block_size, 1u << 31);
}

static bool userblk_config_store_ok(const struct userblk_config *c)
{
	return c->store_class <= USERBLK_STORE_UNFENCED &&
	       (!c->store_wait_ns || c->store_class == USERBLK_STORE_UNFENCED);
}

/* "7", "userblk7" and "userblkc7" refer to devices by number. */
static bool userblk_config_name_is_number(const char *name)
{
	if (!strncmp(name, "userblk", 7))
		name += name[7] == 'c' ? 8 : 7;
	return *name && !name[strspn(name, "0123456789")];
}

static bool userblk_config_name_ok(const char *name)
{
	size_t length = strnlen(name, USERBLK_NAME_LEN), i;

	if (length == USERBLK_NAME_LEN || name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; i < length; i++)
		if (!isascii(name[i]) ||
		    (!isalnum(name[i]) && !strchr("._+:-", name[i])))
			return false;
	return !userblk_config_name_is_number(name) &&
	       !memchr_inv(name + length, 0, USERBLK_NAME_LEN - length);
}

int userblk_config_check(struct userblk_config *c)
{
	userblk_config_defaults(c);
	if (c->reserved || c->mode & ~0777u || !userblk_config_flags_ok(c) ||
	    !userblk_config_blocks_ok(c) || !userblk_config_transfer_ok(c) ||
	    !userblk_config_queues_ok(c) || !userblk_config_store_ok(c) ||
	    !userblk_config_name_ok(c->name))
		return -EINVAL;
	if (c->number != USERBLK_ANY_NUMBER &&
	    c->number >= USERBLK_MAX_DEVICES)
		return -EINVAL;
	userblk_config_default_redirect(c);
	/* Newer kernels do this themselves. */
	if (c->discard_granularity)
		c->discard_granularity = max(c->discard_granularity,
					     c->physical_block_size);
	return userblk_config_check_size(c->size, c->logical_block_size);
}

int userblk_settings_init(struct userblk_settings *settings,
			  const struct userblk_config *config)
{
	settings->config = *config;
	settings->owner = make_kuid(current_user_ns(), config->uid);
	settings->group = make_kgid(current_user_ns(), config->gid);
	if (!uid_valid(settings->owner) || !gid_valid(settings->group))
		return -EINVAL;
	return 0;
}
