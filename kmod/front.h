/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A front end is where a device's requests come from. Each kind embeds this
 * structure in its own and supplies operations; nothing else knows the kinds.
 *
 * States: NEW (being created) -> LIVE -> REMOVING (requests are refused and
 * failed, then all is torn down). The memory is freed with the last reference
 * to the device, which the control node counts; each open of the front end
 * holds one.
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
 * struct userblk_front_ops - operations of a kind of front end
 * @shape: settles the numbers of hardware queues and slots in the config,
 *	before the queue is initialised
 * @make: creates the source of requests, not visible yet. The queue exists
 * @appear: makes it visible, with size 0; requests may arrive from now on
 * @stop: stops all activity other than requests, uevents included. The queue is
 *	dying, so that no worker is waited for; the control node still exists
 * @vanish: undoes @appear, after @stop
 * @unmake: undoes @make and @shape, also after a failed @make
 * @free: frees the memory; the last call
 * @end: ends the requests in these slots with slot->status; the slots are FREE.
 *	Called without locks, in process context or, for a redirected READ or
 *	WRITE, in any context; must not sleep
 * @waiting: reports that requests have waited for a while and none was taken.
 *	May sleep; optional
 * @served: sets the size when the device is first served. Called once, under
 *	front->lock, between @appear and @stop. Anything else is deferred, and
 *	then ends with userblk_front_tell_served()
 * @resize: sets a new size. As @served, and after it; must not sleep either
 * @is_disk: is this the front end's disk? Optional
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
 * @queue: takes its requests
 * @settings: of the device
 * @node: the control node of the device, which counts the device's references
 * @diskseq: of its disk, never shared with another disk; 0 without a disk;
 *	constant after make()
 * @lock: protects @state, @openers, @size and the visible size; nothing sleeps
 *	under it
 * @state: see above
 * @openers: number of opens
 * @size: configured size in bytes; visible once @served, and 0 is visible
 *	before
 * @served: a process has asked for requests; set once, under @lock
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

/* Called by the front end, which has zeroed the rest. */
void userblk_front_init(struct userblk_front *front,
			const struct userblk_front_ops *ops);

/* After appear(). LIST finds the device from here on. */
void userblk_front_set_live(struct userblk_front *front);
/* Is it LIVE? In any case *size is the configured size. */
bool userblk_front_is_live(struct userblk_front *front, u64 *size);
/*
 * LIVE -> REMOVING. 0 for one caller only; -EBUSY if open and not forced;
 * -ENODEV unless LIVE.
 */
int userblk_front_begin_removal(struct userblk_front *front, bool force);

/* 0, or -ENXIO if it is being removed. */
int userblk_front_open(struct userblk_front *front);
void userblk_front_close(struct userblk_front *front);

/* Takes a validated size. 0, -EBUSY before LIVE, -ENODEV after. */
int userblk_front_resize(struct userblk_front *front, u64 size);

/*
 * Slow path of userblk_front_note_served(). The size is 0 until the first GET,
 * so that I/O does not wait for a worker that never came.
 */
void userblk_front_first_get(struct userblk_front *front);

static inline bool userblk_front_is_served(const struct userblk_front *front)
{
	return test_bit(0, &front->served);
}

/* A process asks for requests. On return the front end has its size. */
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

/* Send uevents of the control node, and those of the front end. May sleep. */
void userblk_front_tell_served(struct userblk_front *front);
void userblk_front_tell_waiting(struct userblk_front *front);

/* Sends a change uevent with the variable env. May sleep, but not for I/O. */
void userblk_event(struct device *device, char *env);

#endif /* USERBLK_FRONT_H */
