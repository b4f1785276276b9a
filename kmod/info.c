// SPDX-License-Identifier: GPL-2.0
#include "info.h"

#include <linux/cred.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "config.h"

static u64 userblk_slot_age_ns(const struct userblk_slot *slot)
{
	unsigned long since = READ_ONCE(slot->since);
	unsigned long now = jiffies;

	return time_after(now, since) ? jiffies64_to_nsecs(now - since) : 0;
}

/* Calls fn for each slot, under RCU so that fn may look at the slot's taker. */
static void userblk_slots_visit(struct userblk_queue *queue,
				void (*fn)(struct userblk_slot *slot, u64 word,
					   void *arg),
				void *arg)
{
	unsigned int i, tag;

	for (i = 0; i < queue->nr_hwqs; i++) {
		rcu_read_lock();
		for (tag = 0; tag < queue->depth; tag++) {
			struct userblk_slot *slot = &queue->hwqs[i].slots[tag];

			fn(slot, userblk_slot_word(slot), arg);
		}
		rcu_read_unlock();
		cond_resched();
	}
}

/* A delivery's taker, or NULL if the delivery is over. */
static struct userblk_taker *userblk_slot_taker(struct userblk_slot *slot,
						u64 word)
{
	struct userblk_taker *taker = rcu_dereference(slot->taker);

	/* Read the taker before the word that says whose it was. */
	smp_rmb();
	if (!userblk_slot_is_taken(slot, userblk_word_generation(word)))
		return NULL;
	return taker;
}

static void userblk_census_slot(struct userblk_slot *slot, u64 word, void *arg)
{
	struct userblk_census *census = arg;
	u64 age = userblk_slot_age_ns(slot);
	struct userblk_taker *taker;

	switch (userblk_word_state(word)) {
	case USERBLK_SLOT_QUEUED:
	case USERBLK_SLOT_RETURNING:
		census->queued++;
		census->oldest_queued_ns = max(census->oldest_queued_ns, age);
		break;
	case USERBLK_SLOT_TAKEN:
		taker = userblk_slot_taker(slot, word);
		if (!taker)
			break;
		census->taken++;
		census->oldest_taken_ns = max(census->oldest_taken_ns, age);
		census->orphaned += userblk_taker_is_dead(taker);
		break;
	case USERBLK_SLOT_REDIRECTED:
		census->redirected++;
		break;
	default:
		break;
	}
}

void userblk_census_take(struct userblk_queue *queue,
			 struct userblk_census *census)
{
	memset(census, 0, sizeof(*census));
	userblk_slots_visit(queue, userblk_census_slot, census);
}

struct userblk_taken_list {
	struct userblk_taken *to;
	u32 room;
	u32 count;
};

static void userblk_taken_slot(struct userblk_slot *slot, u64 word, void *arg)
{
	struct userblk_taken_list *list = arg;
	struct userblk_taken *to = &list->to[list->count];
	struct userblk_taker *taker;

	if (userblk_word_state(word) != USERBLK_SLOT_TAKEN ||
	    list->count == list->room)
		return;
	taker = userblk_slot_taker(slot, word);
	if (!taker)
		return;
	to->id = userblk_slot_id(slot, userblk_word_generation(word));
	to->offset = slot->offset;
	to->held_ns = userblk_slot_age_ns(slot);
	to->length = slot->length;
	to->op = slot->op;
	to->flags = userblk_taker_is_dead(taker) ? USERBLK_TAKEN_ORPHAN : 0;
	to->pid = pid_vnr(taker->pid);
	to->deliveries = slot->deliveries;
	to->dead_ns = userblk_taker_dead_ns(taker);
	/* Counts only if all of it was about the same delivery. */
	smp_rmb();
	if (userblk_slot_is_taken(slot, userblk_word_generation(word)))
		list->count++;
}

static int userblk_info_taken(struct userblk_queue *queue,
			      struct userblk_info *info)
{
	struct userblk_taken_list list = { .room = info->taken_count };
	int err = 0;

	info->taken_count = 0;
	if (!list.room)
		return 0;
	list.room = min(list.room, queue->nr_hwqs * queue->depth);
	/* One spare record, which is never counted. */
	list.to = kvcalloc(list.room + 1, sizeof(*list.to), GFP_NOIO);
	if (!list.to)
		return -ENOMEM;
	userblk_slots_visit(queue, userblk_taken_slot, &list);
	if (copy_to_user(u64_to_user_ptr(info->taken_list), list.to,
			 list.count * sizeof(*list.to)))
		err = -EFAULT;
	info->taken_count = list.count;
	kvfree(list.to);
	return err;
}

u32 userblk_queue_servers(struct userblk_queue *queue, u64 *unserved_ns)
{
	u32 servers = userblk_takers_living(&queue->takers, unserved_ns);

	/* A device that was never served does not count as unserved. */
	if (!userblk_front_is_served(queue->front))
		*unserved_ns = 0;
	return servers;
}

static void userblk_info_stats(struct userblk_queue *queue,
			       struct userblk_info *info)
{
	struct userblk_census census;
	struct userblk_stats sum;

	userblk_census_take(queue, &census);
	info->queued = census.queued;
	info->taken = census.taken;
	info->orphaned = census.orphaned;
	info->redirected = census.redirected;
	info->oldest_queued_ns = census.oldest_queued_ns;
	info->oldest_taken_ns = census.oldest_taken_ns;

	userblk_stats_sum(queue->stats, &sum);
	info->reads = sum.completed[USERBLK_OP_READ];
	info->writes = sum.completed[USERBLK_OP_WRITE];
	info->flushes = sum.completed[USERBLK_OP_FLUSH];
	info->discards = sum.completed[USERBLK_OP_DISCARD];
	info->write_zeroes = sum.completed[USERBLK_OP_WRITE_ZEROES];
	info->bytes_read = sum.bytes_read;
	info->bytes_written = sum.bytes_written;
	info->errors = sum.errors;
	info->gets = sum.gets;
	info->resets = sum.resets;
	info->put_back = sum.put_back;
	info->given_back = sum.given_back;
	info->stale = sum.stale;
	info->expired = sum.expired;
	info->exhausted = sum.exhausted;
	info->redirects = sum.redirects;
}

static void userblk_info_front(struct userblk_front *front,
			       struct userblk_info *info)
{
	const struct userblk_settings *settings = front->settings;

	info->config = settings->config;
	spin_lock(&front->lock);
	info->config.size = front->size;
	info->openers = front->openers;
	spin_unlock(&front->lock);
	info->config.uid = from_kuid_munged(current_user_ns(), settings->owner);
	info->config.gid = from_kgid_munged(current_user_ns(), settings->group);
	info->diskseq = front->diskseq;
	info->state = userblk_front_is_served(front) ? USERBLK_STATE_SERVED :
						       USERBLK_STATE_NEW;
}

long userblk_info(struct userblk_caller *caller, void __user *arg)
{
	struct userblk_queue *queue = caller->queue;
	struct userblk_info in, info = {};
	int err;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if (in.taken_count && in.taken_size != sizeof(struct userblk_taken))
		return -ENOTTY;

	info.taken_list = in.taken_list;
	info.taken_count = in.taken_count;
	info.taken_size = in.taken_size;
	err = userblk_info_taken(queue, &info);
	if (err)
		return err;
	userblk_info_stats(queue, &info);
	userblk_info_front(queue->front, &info);
	info.features = USERBLK_FEATURES;
	info.servers = userblk_queue_servers(queue, &info.unserved_ns);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}
