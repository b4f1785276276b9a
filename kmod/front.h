/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A front end: where a device's requests come from. Each kind of them embeds this
 * structure in its own and brings operations; nothing else knows which kinds there
 * are.
 *
 * Life: NEW (being made) -> LIVE -> REMOVING (refused, failed, taken down). The
 * memory is freed with the last reference to the device, which is the control
 * node's; each open of the front end holds one.
 */
#ifndef USERBLK_FRONT_H
#define USERBLK_FRONT_H

#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "ioctl/userblk_ioctl.h"

struct gendisk;
struct userblk_front;
struct userblk_queue;
struct userblk_settings;
struct userblk_slot;

/**
 * struct userblk_front_ops - what a kind of front end does
 * @shape: settles how many hardware queues and slots there are, in the config,
 *	before the queue is made
 * @make: makes what requests come from; it is not seen yet. The queue is there
 * @appear: from now on it is seen, and requests may come; it is empty
 * @stop: nothing is done or told any more beside requests. The queue is dead, so
 *	that no worker is waited for; the control node is still there
 * @vanish: undoes @appear, after @stop
 * @unmake: undoes @make and @shape, also after @make has failed
 * @free: the memory; the last thing that is called
 * @end: the requests in these slots are over, as slot->status says; the slots
 *	are FREE. Called without locks in process context, or
 *	for a READ or a WRITE that was redirected in any context; must not sleep
 * @waiting: requests wait and nobody has taken one for a while. May sleep;
 *	optional
 * @served: requests have somebody to serve them: this is the size. Under
 *	front->lock, between @appear and @stop, once. What else comes with that is
 *	done later, and userblk_front_tell_served() called then
 * @resize: this is the size now. As @served, and after it; must not sleep either
 * @is_disk: is that the disk that the requests come from? Optional
 */
struct userblk_front_ops {
	int (*shape)(struct userblk_front *front,
		     struct userblk_config *config);
	int (*make)(struct userblk_front *front);
	int (*appear)(struct userblk_front *front);
	void (*stop)(struct userblk_front *front);
	void (*vanish)(struct userblk_front *front);
	void (*unmake)(struct userblk_front *front);
	void (*free)(struct userblk_front *front);
	void (*end)(struct userblk_slot **slots, unsigned int count);
	void (*waiting)(struct userblk_front *front);
	void (*served)(struct userblk_front *front, u64 size);
	void (*resize)(struct userblk_front *front, u64 size);
	bool (*is_disk)(const struct userblk_front *front,
			const struct gendisk *disk);
};

enum userblk_front_state {
	USERBLK_FRONT_NEW,
	USERBLK_FRONT_LIVE,
	USERBLK_FRONT_REMOVING,
};

/**
 * struct userblk_front - one front end
 * @ops: constant, as are the next three
 * @queue: where its requests go
 * @settings: of the device
 * @node: the control node of the device, whose references are the device's
 * @diskseq: of its disk, which no other disk has had or will have; 0 without
 *	one; constant once it is made
 * @lock: @state, @openers, @size, and the size that it shows; may not sleep
 * @state: see above
 * @openers: how often it is open
 * @size: bytes, as configured; it shows that once @served, and is empty before
 * @served: somebody has asked for requests; set once, under @lock
 */
struct userblk_front {
	const struct userblk_front_ops *ops;
	struct userblk_queue *queue;
	const struct userblk_settings *settings;
	struct device *node;
	u64 diskseq;

	spinlock_t lock; /* state, openers, size */
	enum userblk_front_state state;
	unsigned int openers;
	u64 size;
	unsigned long served;
};

/* By the front end. The rest is zeroes. */
void userblk_front_init(struct userblk_front *front,
			const struct userblk_front_ops *ops);

/* It has appeared. From here on it is found by who lists devices. */
void userblk_front_set_live(struct userblk_front *front);
/* Is it live? And what size is configured. */
bool userblk_front_is_live(struct userblk_front *front, u64 *size);
/* LIVE -> REMOVING, for the one who gets 0; -EBUSY if open, unless forced. */
int userblk_front_begin_removal(struct userblk_front *front, bool force);

/* It is being opened: -ENXIO if it is going. */
int userblk_front_open(struct userblk_front *front);
void userblk_front_close(struct userblk_front *front);

/* A checked size. -EBUSY before it is live, -ENODEV after. */
int userblk_front_resize(struct userblk_front *front, u64 size);

/* Until the first GET it is empty, so that nobody waits for who is not. */
void userblk_front_first_get(struct userblk_front *front);

static inline bool userblk_front_is_served(const struct userblk_front *front)
{
	return test_bit(0, &front->served);
}

/* Somebody asks for requests. When it returns the front end has its size. */
static inline void userblk_front_note_served(struct userblk_front *front)
{
	if (unlikely(!userblk_front_is_served(front)))
		userblk_front_first_get(front);
}

static inline bool userblk_front_is_disk(const struct userblk_front *front,
					 const struct gendisk *disk)
{
	return front->ops->is_disk && front->ops->is_disk(front, disk);
}

/* Uevents of the control node, and what a front end has of its own. May sleep. */
void userblk_front_tell_served(struct userblk_front *front);
void userblk_front_tell_waiting(struct userblk_front *front);

/* A change uevent; env is what it says. May sleep, though not for I/O. */
void userblk_event(struct device *device, char *env);

#endif /* USERBLK_FRONT_H */
