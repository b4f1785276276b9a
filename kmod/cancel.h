/* SPDX-License-Identifier: GPL-2.0 */
/* Failing requests without an answer: after a timeout, or on removal. */
#ifndef USERBLK_CANCEL_H
#define USERBLK_CANCEL_H

#include "queue.h"

/*
 * Fails the requests that were QUEUED by the given jiffies. Returns how many.
 * *oldest is when the oldest of the others was queued, or now.
 */
unsigned int userblk_queue_expire(struct userblk_queue *queue,
				  unsigned long before, unsigned long *oldest);

/*
 * Refuses new requests, fails queued and taken ones and wakes all waiters. May
 * be called again.
 */
void userblk_queue_kill(struct userblk_queue *queue);

#endif /* USERBLK_CANCEL_H */
