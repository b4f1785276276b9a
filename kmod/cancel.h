/* SPDX-License-Identifier: GPL-2.0 */
/* Requests that fail without an answer: after a time-out, or as the device goes. */
#ifndef USERBLK_CANCEL_H
#define USERBLK_CANCEL_H

#include "queue.h"

/* Fails the QUEUED requests that came before the given jiffies; how many. */
unsigned int userblk_queue_expire(struct userblk_queue *queue,
				  unsigned long before, unsigned long *oldest);

/* Refuses, fails and wakes everything. May be called again. */
void userblk_queue_kill(struct userblk_queue *queue);

#endif /* USERBLK_CANCEL_H */
