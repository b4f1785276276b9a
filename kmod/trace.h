/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: the life of a request, by its ids. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM userblk

#if !defined(USERBLK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define USERBLK_TRACE_H

#include <linux/tracepoint.h>

#include "ioctl/userblk_ioctl.h"
#include "slot.h"

#ifndef USERBLK_TRACE_NAMES
#define USERBLK_TRACE_NAMES
#define userblk_show_op(op)						\
	__print_symbolic(op,						\
			 { USERBLK_OP_READ, "read" },			\
			 { USERBLK_OP_WRITE, "write" },			\
			 { USERBLK_OP_FLUSH, "flush" },			\
			 { USERBLK_OP_DISCARD, "discard" },		\
			 { USERBLK_OP_WRITE_ZEROES, "write_zeroes" })
#define userblk_show_action(action)					\
	__print_symbolic(action,					\
			 { USERBLK_ACTION_COMPLETE, "complete" },	\
			 { USERBLK_ACTION_FETCH, "fetch" },		\
			 { USERBLK_ACTION_STORE, "store" },		\
			 { USERBLK_ACTION_GIVE_BACK, "give_back" },	\
			 { USERBLK_ACTION_ADOPT, "adopt" },		\
			 { USERBLK_ACTION_REDIRECT, "redirect" })
#define userblk_show_which(which)					\
	__print_symbolic(which,						\
			 { USERBLK_RESET_DEAD, "dead" },		\
			 { USERBLK_RESET_PID, "pid" },			\
			 { USERBLK_RESET_OLDER, "older" },		\
			 { USERBLK_RESET_ID, "id" },			\
			 { USERBLK_RESET_ALL, "all" })
#endif

DECLARE_EVENT_CLASS(
	userblk_request,
	TP_PROTO(u32 number, const struct userblk_slot *slot, u64 id),
	TP_ARGS(number, slot, id),
	TP_STRUCT__entry(__field(u64, id) __field(u64, offset)
				 __field(u32, number) __field(u32, length)
					 __field(u32, deliveries)
						 __field(u16, op)),
	TP_fast_assign(__entry->id = id; __entry->offset = slot->offset;
		       __entry->number = number; __entry->length = slot->length;
		       __entry->deliveries = slot->deliveries;
		       __entry->op = slot->op;),
	TP_printk("userblk%u id=%#llx %s offset=%llu length=%u deliveries=%u",
		  __entry->number, __entry->id, userblk_show_op(__entry->op),
		  __entry->offset, __entry->length, __entry->deliveries));

/* A request entered the queue, for the first time or again. */
DEFINE_EVENT(userblk_request, userblk_queue,
	     TP_PROTO(u32 number, const struct userblk_slot *slot, u64 id),
	     TP_ARGS(number, slot, id));

/* A request was delivered to the current process. */
DEFINE_EVENT(userblk_request, userblk_get,
	     TP_PROTO(u32 number, const struct userblk_slot *slot, u64 id),
	     TP_ARGS(number, slot, id));

/* A RESET took a request from its taker; the id is stale. */
DEFINE_EVENT(userblk_request, userblk_put_back,
	     TP_PROTO(u32 number, const struct userblk_slot *slot, u64 id),
	     TP_ARGS(number, slot, id));

/*
 * A delivery could not be handed to the current process; the request is queued
 * again, and the id is stale.
 */
DEFINE_EVENT(userblk_request, userblk_undo,
	     TP_PROTO(u32 number, const struct userblk_slot *slot, u64 id),
	     TP_ARGS(number, slot, id));

/* The current process answered. */
TRACE_EVENT(userblk_put,
	TP_PROTO(u32 number, const struct userblk_answer *answer, int result),
	TP_ARGS(number, answer, result),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, number)
		__field(u32, length)
		__field(int, status)
		__field(int, result)
		__field(u16, action)
	),
	TP_fast_assign(
		__entry->id = answer->id;
		__entry->number = number;
		__entry->length = answer->length;
		__entry->status = answer->status;
		__entry->result = result;
		__entry->action = answer->action;
	),
	TP_printk("userblk%u id=%#llx %s status=%d length=%u result=%d",
		  __entry->number, __entry->id,
		  userblk_show_action(__entry->action), __entry->status,
		  __entry->length, __entry->result)
);

/* The I/O of a redirected request has ended. */
TRACE_EVENT(userblk_redirected,
	    TP_PROTO(u32 number, u64 id, blk_status_t status),
	    TP_ARGS(number, id, status),
	    TP_STRUCT__entry(__field(u64, id) __field(u32, number)
				     __field(int, error)),
	    TP_fast_assign(__entry->id = id; __entry->number = number;
			   __entry->error = blk_status_to_errno(status);),
	    TP_printk("userblk%u id=%#llx error=%d", __entry->number,
		      __entry->id, __entry->error));

/* The current process asked for a RESET. */
TRACE_EVENT(userblk_reset,
	TP_PROTO(u32 number, u32 which, u32 count),
	TP_ARGS(number, which, count),
	TP_STRUCT__entry(
		__field(u32, number)
		__field(u32, which)
		__field(u32, count)
	),
	TP_fast_assign(
		__entry->number = number;
		__entry->which = which;
		__entry->count = count;
	),
	TP_printk("userblk%u %s count=%u", __entry->number,
		  userblk_show_which(__entry->which), __entry->count)
);

#endif /* USERBLK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
