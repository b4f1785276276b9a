// SPDX-License-Identifier: GPL-2.0
#include "sysfs.h"

#include <linux/device.h>
#include <linux/math64.h>

#include "config.h"
#include "info.h"

/* Nothing here waits: removal waits for readers of attributes. */

static struct userblk_queue *userblk_sysfs_queue(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static const struct userblk_config *userblk_sysfs_config(struct device *dev)
{
	return &userblk_sysfs_queue(dev)->front->settings->config;
}

static struct userblk_census userblk_sysfs_census(struct device *dev)
{
	struct userblk_census census;

	userblk_census_take(userblk_sysfs_queue(dev), &census);
	return census;
}

static struct userblk_stats userblk_sysfs_stats(struct device *dev)
{
	struct userblk_stats sum;

	userblk_stats_sum(userblk_sysfs_queue(dev)->stats, &sum);
	return sum;
}

static u32 userblk_sysfs_servers(struct device *dev)
{
	u64 unserved_ns;

	return userblk_queue_servers(userblk_sysfs_queue(dev), &unserved_ns);
}

static u64 userblk_sysfs_unserved_ns(struct device *dev)
{
	u64 unserved_ns;

	userblk_queue_servers(userblk_sysfs_queue(dev), &unserved_ns);
	return unserved_ns;
}

static const char *userblk_sysfs_name(struct device *dev)
{
	return userblk_sysfs_config(dev)->name;
}

static const char *userblk_sysfs_state(struct device *dev)
{
	const struct userblk_front *front = userblk_sysfs_queue(dev)->front;

	return userblk_front_is_served(front) ? "served" : "new";
}

static const char *userblk_sysfs_store_class(struct device *dev)
{
	static const char *const names[] = {
		[USERBLK_STORE_PROCESS] = "process",
		[USERBLK_STORE_FENCED] = "fenced",
		[USERBLK_STORE_UNFENCED] = "unfenced",
	};

	return names[userblk_sysfs_config(dev)->store_class];
}

#define USERBLK_ATTR(_name, _format, _value)				\
	static ssize_t _name##_show(struct device *dev,			\
				    struct device_attribute *attr,	\
				    char *buf)				\
	{								\
		return sysfs_emit(buf, _format "\n", _value);		\
	}								\
	static DEVICE_ATTR_RO(_name)

#define USERBLK_CENSUS_ATTR(_name) \
	USERBLK_ATTR(_name, "%llu", userblk_sysfs_census(dev)._name)

#define USERBLK_AGE_ATTR(_name)						\
	USERBLK_ATTR(_name##_ms, "%llu",				\
		     div_u64(userblk_sysfs_census(dev)._name##_ns,	\
			     NSEC_PER_MSEC))

#define USERBLK_STATS_ATTR(_name) \
	USERBLK_ATTR(_name, "%llu", userblk_sysfs_stats(dev)._name)

static u64 userblk_sysfs_completed(struct device *dev)
{
	struct userblk_stats sum = userblk_sysfs_stats(dev);
	u64 completed = 0;
	int op;

	for (op = 0; op < USERBLK_STATS_OPS; op++)
		completed += sum.completed[op];
	return completed;
}

/* The configured size; the disk's own is 0 until the first GET. */
static u64 userblk_sysfs_size(struct device *dev)
{
	u64 size;

	userblk_front_is_live(userblk_sysfs_queue(dev)->front, &size);
	return size;
}

USERBLK_ATTR(name, "%s", userblk_sysfs_name(dev));
USERBLK_ATTR(state, "%s", userblk_sysfs_state(dev));
USERBLK_ATTR(servers, "%u", userblk_sysfs_servers(dev));
USERBLK_ATTR(unserved_ms, "%llu", div_u64(userblk_sysfs_unserved_ns(dev),
					  NSEC_PER_MSEC));
USERBLK_ATTR(size, "%llu", userblk_sysfs_size(dev));
USERBLK_ATTR(store_class, "%s", userblk_sysfs_store_class(dev));
USERBLK_ATTR(store_wait_ms, "%llu",
	     div_u64(userblk_sysfs_config(dev)->store_wait_ns, NSEC_PER_MSEC));
USERBLK_CENSUS_ATTR(queued);
USERBLK_CENSUS_ATTR(taken);
USERBLK_CENSUS_ATTR(orphaned);
USERBLK_CENSUS_ATTR(redirected);
USERBLK_AGE_ATTR(oldest_queued);
USERBLK_AGE_ATTR(oldest_taken);
USERBLK_ATTR(completed, "%llu", userblk_sysfs_completed(dev));
USERBLK_STATS_ATTR(errors);
USERBLK_STATS_ATTR(resets);
USERBLK_STATS_ATTR(stale);

static struct attribute *userblk_sysfs_attrs[] = {
	&dev_attr_name.attr,
	&dev_attr_state.attr,
	&dev_attr_servers.attr,
	&dev_attr_unserved_ms.attr,
	&dev_attr_size.attr,
	&dev_attr_store_class.attr,
	&dev_attr_store_wait_ms.attr,
	&dev_attr_queued.attr,
	&dev_attr_taken.attr,
	&dev_attr_orphaned.attr,
	&dev_attr_redirected.attr,
	&dev_attr_oldest_queued_ms.attr,
	&dev_attr_oldest_taken_ms.attr,
	&dev_attr_completed.attr,
	&dev_attr_errors.attr,
	&dev_attr_resets.attr,
	&dev_attr_stale.attr,
	NULL,
};

static const struct attribute_group userblk_sysfs_node_group = {
	.attrs = userblk_sysfs_attrs,
};

const struct attribute_group *userblk_sysfs_node_groups[] = {
	&userblk_sysfs_node_group,
	NULL,
};

static const struct attribute_group userblk_sysfs_front_group = {
	.name = "userblk",
	.attrs = userblk_sysfs_attrs,
};

const struct attribute_group *userblk_sysfs_front_groups[] = {
	&userblk_sysfs_front_group,
	NULL,
};
