/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * userblk: block devices whose driver is a set of ordinary processes.
 *
 * This header is the whole interface between the kernel module and user
 * space, for C and C++. 32 and 64 bit programs use the same layout.
 *
 * Protocol changelog
 *   1  CREATE, REMOVE, LIST, INFO, RESIZE, GET, PUT, SERVE, RESET.
 *      Reserved, answered with EOPNOTSUPP: USERBLK_ACTION_REDIRECT.
 *      Reserved, always 0: userblk_request.payload.
 *   2  USERBLK_ANSWER_ZEROES, with USERBLK_FEATURE_ZEROES.
 *      USERBLK_GET_SPIN, with USERBLK_FEATURE_SPIN.
 *   3  USERBLK_ACTION_REDIRECT, USERBLK_ANSWER_EXTENTS, USERBLK_F_REDIRECT,
 *      USERBLK_F_NO_REDIRECT and userblk_info.redirected, with
 *      USERBLK_FEATURE_REDIRECT.
 *      userblk_request.payload, and pread, pwrite and splice there, with
 *      USERBLK_FEATURE_PAYLOAD_FILE.
 *   4  userblk_info.servers and .unserved_ns, with USERBLK_FEATURE_SERVERS.
 *      A device has size 0 for I/O until it is first served, with
 *      USERBLK_FEATURE_EMPTY_UNTIL_SERVED. Requests beyond the end of a
 *      device that shrank fail.
 *      userblk_info.diskseq and userblk_remove.diskseq, with
 *      USERBLK_FEATURE_DISKSEQ. struct userblk_remove is longer, so the number
 *      of REMOVE changed; the old one, USERBLK_REMOVE_1, still works.
 *   5  WAKE and USERBLK_GET_WOKEN, with USERBLK_FEATURE_WAKE.
 *      userblk_config.store_class and .store_wait_ns (were reserved),
 *      userblk_reset.flags, userblk_taken.dead_ns and
 *      userblk_list_entry.store_class, with USERBLK_FEATURE_STORE_CLASS.
 *
 * The interface only grows: a worker built against this file runs on every
 * later module. Feature bits, not a version number, report what a module can
 * do.
 *
 * Conventions
 *   Offsets and sizes are in bytes, times in nanoseconds unless a field says
 *   otherwise. Waiting times have the resolution of the kernel's timer tick.
 *   The kernel reads "in" fields and writes "out" fields. An out field may hold
 *   any value on entry unless its text says that it must be 0. Padding and
 *   reserved fields must be 0 on entry (EINVAL).
 *   User addresses are passed as __u64.
 *
 * Errors of every ioctl
 *   ENOTTY  unknown command, wrong size of the argument or of a record
 *   EFAULT  the argument or an array is not readable or writable
 *   EINVAL  an unknown flag, dirty padding, a value out of its range
 *   ENODEV  (control nodes) the device was removed
 *   EBADF   (control nodes, all but INFO) the node is not open for writing
 *   EINTR   (LIST, CREATE, REMOVE) a fatal signal arrived first
 *
 * Open control nodes with O_CLOEXEC. A process that execs is dead as a taker.
 * If the exec closes the descriptor, the kernel wakes those that wait;
 * otherwise only a RESET, or the next call of the process, detects it.
 */
#ifndef USERBLK_IOCTL_H
#define USERBLK_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Limits. They keep request ids and payload offsets within their fields. */
#define USERBLK_MAX_QUEUES	256u	/* hardware queues of a device */
#define USERBLK_MAX_DEPTH	4096u	/* requests in flight per queue */
#define USERBLK_MAX_SLOTS	32768u	/* queues * depth rounded up to 2^n */
#define USERBLK_MIN_TRANSFER	4096u	/* smallest allowed max_transfer */
#define USERBLK_MAX_TRANSFER	(4u << 20) /* largest payload of a request */
#define USERBLK_MIN_BLOCK_SIZE	512u	/* logical block size */
#define USERBLK_MAX_BLOCK_SIZE	4096u
#define USERBLK_MAX_BATCH	4096u	/* records in one GET, PUT or SERVE */
#define USERBLK_MAX_EXTENTS	32u	/* of one redirected request */
#define USERBLK_MAX_DEVICES	4096u	/* numbers are 0 ... 4095 */
#define USERBLK_NAME_LEN	64u	/* with the terminating NUL */

/* The values that 0 selects in struct userblk_config. */
#define USERBLK_DEFAULT_QUEUES		1u
#define USERBLK_DEFAULT_DEPTH		128u
#define USERBLK_DEFAULT_TRANSFER	(512u << 10)
#define USERBLK_DEFAULT_BLOCK_SIZE	512u
#define USERBLK_DEFAULT_PHYSICAL_SIZE	4096u
#define USERBLK_DEFAULT_MODE		0600u

/*
 * A request's id names one delivery of it: the slot (queue and tag) that the
 * request occupies and the slot's generation, which changes each time a request
 * enters the queue or is put back into it. A slot's generation repeats after
 * 2^32 changes. Treat the id as opaque, or take it apart with:
 */
#define USERBLK_ID_GENERATION(id)	((__u32)((__u64)(id) >> 32))
#define USERBLK_ID_QUEUE(id)		((__u32)((id) >> 16) & 0xffffu)
#define USERBLK_ID_TAG(id)		((__u32)(id) & 0xffffu)

/*
 * A request's payload is also a range of the control node, seen as a file, for
 * pread, pwrite and splice. It starts at userblk_request.payload, never 0. That
 * offset consists of the slot's generation without its upper bits, the slot's
 * number (queue * depth rounded up to 2^n, plus tag), and 0 for the first byte.
 * Access to the payload of a delivery that is over fails with ESTALE, for the
 * next 2^25 generations of the slot.
 *
 * The payload of a WRITE can be read, in any pieces and any number of times;
 * reads at its end return 0. The payload of a READ can be written, from front
 * to back: a write must start within or right behind what was written before
 * (else EINVAL; beyond the end ENOSPC). Once all of it is written, the request
 * may be completed with @addr and @length 0.
 *
 * Errors: EBADF the node is not open for writing; EPERM reading from a READ or
 * writing to a WRITE; EINVAL the request has no payload; ESTALE; EFAULT; EINTR
 * a fatal signal arrived; ENODEV. If an error follows a partial transfer, the
 * call returns the bytes transferred. Spliced pages are copies.
 */
#define USERBLK_PAYLOAD_OFFSET_BITS	23
#define USERBLK_PAYLOAD_SLOT_BITS	15
#define USERBLK_PAYLOAD_GENERATION_BITS	25

/* ------------------------------------------------------------ configuration */

/* userblk_config.flags: what the device promises to its users. */
#define USERBLK_F_READ_ONLY	(1ULL << 0)  /* writes are refused */
#define USERBLK_F_ROTATIONAL	(1ULL << 1)  /* seeks cost time */
#define USERBLK_F_CACHE		(1ULL << 2)  /* volatile cache: FLUSH is sent */
#define USERBLK_F_FUA		(1ULL << 3)  /* FUA is sent; needs F_CACHE */
#define USERBLK_F_DISCARD	(1ULL << 4)  /* DISCARD is sent */
#define USERBLK_F_WRITE_ZEROES	(1ULL << 5)  /* WRITE_ZEROES is sent */
#define USERBLK_F_STABLE_WRITES	(1ULL << 6)  /* pages do not change in flight */
#define USERBLK_F_NO_PARTITIONS	(1ULL << 7)  /* no partition table is read */
#define USERBLK_F_REDIRECT	(1ULL << 8)  /* ACTION_REDIRECT is allowed */
#define USERBLK_F_NO_REDIRECT	(1ULL << 9)  /* it is not */
#define USERBLK_F_ALL		((1ULL << 10) - 1)

/*
 * userblk_config.store_class: when the writes of a dead process to the store
 * have ended, so that its requests may be delivered again.
 */
/* With the process: pwrite, memory, STORE, REDIRECT. */
#define USERBLK_STORE_PROCESS	0
/* Once the store has been fenced: a RESET says that its caller did that. */
#define USERBLK_STORE_FENCED	1
/* Nobody can tell: only a person, or time, puts its requests back. */
#define USERBLK_STORE_UNFENCED	2

/**
 * struct userblk_config - what a device is; set at creation, returned by INFO
 * @size: bytes; a multiple of @logical_block_size, not 0. Users of the device
 *	see size 0 until it is first served, see USERBLK_CREATE
 * @flags: USERBLK_F_*; EINVAL for unknown ones. With neither F_REDIRECT nor
 *	F_NO_REDIRECT, redirects are allowed if only root may open the control
 *	node (@uid is the initial root and @mode grants others nothing);
 *	written back: exactly one of the two
 * @queue_limit_ns: a request that waited in the queue longer than this
 *	fails with a timeout; 0: no limit
 * @logical_block_size: 512, 1024, 2048 or 4096; 0: 512
 * @physical_block_size: a power of two, at least logical, at most 1 MiB;
 *	0: 4096
 * @io_min: preferred smallest I/O, a multiple of @physical_block_size;
 *	0: @physical_block_size
 * @io_opt: preferred large I/O, a multiple of @physical_block_size; 0: none
 * @max_transfer: largest payload of a request, a power of two from
 *	USERBLK_MIN_TRANSFER (or the page size, if larger) to
 *	USERBLK_MAX_TRANSFER; 0: 512 KiB
 * @chunk_size: no request crosses a multiple of this, discards included; a
 *	power of two, 4096 to 1 GiB; 0: none
 * @discard_granularity: with F_DISCARD: a power of two, at least
 *	@logical_block_size; 0: @logical_block_size. Written back: at least
 *	@physical_block_size
 * @queues: hardware queues; 0: 1. Written back: the number in force, at most
 *	the number of processors
 * @depth: requests in flight per queue; 0: 128. Written back: the depth in
 *	force
 * @delivery_limit: a request that would be delivered more often than this
 *	fails; deliveries that were given back do not count; 0: no limit
 * @uid: owner of the control node
 * @gid: group of the control node
 * @mode: permissions of the control node, a subset of 0777; 0: 0600
 * @number: the device's number, or USERBLK_ANY_NUMBER for the lowest free one
 * @store_wait_ns: with STORE_UNFENCED: a RESET puts back the requests of
 *	processes that have been dead for so long; 0: of none
 * @store_class: USERBLK_STORE_*, see USERBLK_RESET
 * @reserved: 0
 * @name: NUL-terminated, padded with NULs; empty, or letters, digits and
 *	"._+:-", not starting with "." or "-", and not a form that names a
 *	device by its number ("7", "userblk7", "userblkc7"); unique among the
 *	devices
 */
struct userblk_config {
	__u64 size;
	__u64 flags;
	__u64 queue_limit_ns;
	__u32 logical_block_size;
	__u32 physical_block_size;
	__u32 io_min;
	__u32 io_opt;
	__u32 max_transfer;
	__u32 chunk_size;
	__u32 discard_granularity;
	__u32 queues;
	__u32 depth;
	__u32 delivery_limit;
	__u32 uid;
	__u32 gid;
	__u32 mode;
	__u32 number;
	__u64 store_wait_ns;
	__u32 store_class;
	__u32 reserved;
	char name[USERBLK_NAME_LEN];
};

#define USERBLK_ANY_NUMBER	0xffffffffu

/* ------------------------------------------------------- the control device */

/**
 * USERBLK_CREATE - create a device (on /dev/userblk-control)
 *
 * Argument: struct userblk_config, in and out: fields that were 0 return the
 * values in force. On success /dev/userblkN and /dev/userblkcN exist.
 * Never waits for a worker.
 *
 * Until a process asks for requests, the block device has size 0 and I/O to it
 * fails at once, flushes included, so that programs that scan all disks do not
 * block on a missing driver. A process asks for requests by GET, by SERVE, or
 * by polling for POLLIN a control node that is open for writing. When the first
 * such call returns, the device has @size, permanently. Then the kernel reads
 * its partition table, unless F_NO_PARTITIONS is set, and afterwards sends a
 * "change" uevent with USERBLK_EVENT=served.
 *
 * EPERM without CAP_SYS_ADMIN; EINVAL a value out of its range; EEXIST the
 * number or the name is in use; ENOSPC no number is free; EFBIG larger than the
 * block layer supports; ENOMEM. After a failure there is no device.
 */
#define USERBLK_CREATE		_IOWR(0xB7, 0x00, struct userblk_config)

/**
 * struct userblk_remove - which device to remove, and how
 * @number: in: the device's number
 * @flags: in: 0 or USERBLK_REMOVE_FORCE
 * @diskseq: in: userblk_info.diskseq of the device, because its number may have
 *	been reused; 0: any device with this number
 */
struct userblk_remove {
	__u32 number;
	__u32 flags;
	__u64 diskseq;
};

/* Remove a device that is in use; waiting requests fail with an I/O error. */
#define USERBLK_REMOVE_FORCE	(1u << 0)

/**
 * USERBLK_REMOVE - remove a device (on /dev/userblk-control)
 *
 * Removal ends even if workers are stuck or absent; it waits only for requests
 * that were redirected to another file, until that file's I/O ends. Every ioctl
 * on a control node of the device then fails with ENODEV, even after the number
 * is reused.
 *
 * EPERM without CAP_SYS_ADMIN; ENODEV no such device; EBUSY it is open or
 * mounted and USERBLK_REMOVE_FORCE is not set.
 */
#define USERBLK_REMOVE		_IOW(0xB7, 0x01, struct userblk_remove)
/* The same without @diskseq: acts as with 0 and ignores that field. */
#define USERBLK_REMOVE_1	_IOW(0xB7, 0x01, __u64)

/**
 * struct userblk_list_entry - one device in a list
 * @size: out: bytes
 * @flags: out: USERBLK_F_*
 * @number: out
 * @store_class: out: USERBLK_STORE_*
 * @name: out
 */
struct userblk_list_entry {
	__u64 size;
	__u64 flags;
	__u32 number;
	__u32 store_class;
	char name[USERBLK_NAME_LEN];
};

/**
 * struct userblk_list - all devices
 * @entries: in: address of an array of struct userblk_list_entry, or 0 with
 *	@count 0
 * @features: out: features of this module, USERBLK_FEATURE_*
 * @count: in: capacity of the array in entries; out: entries filled
 * @total: out: devices that exist; more than @count if the array was too small
 * @entry_size: in: sizeof(struct userblk_list_entry)
 * @first: in: lists devices from this number up
 */
struct userblk_list {
	__u64 entries;
	__u64 features;
	__u32 count;
	__u32 total;
	__u32 entry_size;
	__u32 first;
};

/* Bits of @features. A later module may set more. */
#define USERBLK_FEATURE_REDIRECT	(1ULL << 0) /* ACTION_REDIRECT works */
#define USERBLK_FEATURE_PAYLOAD_FILE	(1ULL << 1) /* pread, pwrite at .payload */
#define USERBLK_FEATURE_ZEROES		(1ULL << 2) /* ANSWER_ZEROES works */
#define USERBLK_FEATURE_SPIN		(1ULL << 3) /* GET_SPIN works */
#define USERBLK_FEATURE_SERVERS		(1ULL << 4) /* INFO reports servers */
/* A new device is empty until first served, see USERBLK_CREATE. */
#define USERBLK_FEATURE_EMPTY_UNTIL_SERVED (1ULL << 5)
#define USERBLK_FEATURE_DISKSEQ		(1ULL << 6) /* INFO, REMOVE have it */
#define USERBLK_FEATURE_WAKE		(1ULL << 7) /* USERBLK_WAKE works */
#define USERBLK_FEATURE_STORE_CLASS	(1ULL << 8) /* devices have one */

/**
 * USERBLK_LIST - list the devices by number (on /dev/userblk-control)
 *
 * EPERM without CAP_SYS_ADMIN. /sys/class/userblk/userblkc*\/ and
 * /sys/block/userblk*\/userblk/ are world-readable and show the same.
 */
#define USERBLK_LIST		_IOWR(0xB7, 0x02, struct userblk_list)

/* -------------------------------------------------------- the control node */

/*
 * poll on a control node:
 *   POLLIN | POLLRDNORM	requests are queued (taken ones do not count)
 *   POLLPRI		a dead process holds requests: a RESET is due
 *   POLLHUP | POLLERR	the device was removed
 */

/* userblk_request.op */
#define USERBLK_OP_READ		0
#define USERBLK_OP_WRITE	1
#define USERBLK_OP_FLUSH	2	/* offset and length are 0 */
#define USERBLK_OP_DISCARD	3
#define USERBLK_OP_WRITE_ZEROES	4

/* userblk_request.flags */
#define USERBLK_REQ_FUA		(1u << 0) /* on stable storage before the PUT */
#define USERBLK_REQ_NOUNMAP	(1u << 1) /* WRITE_ZEROES: keep it allocated */
#define USERBLK_REQ_NO_PAYLOAD	(1u << 2) /* WRITE: the payload did not fit */
#define USERBLK_REQ_REDELIVERED	(1u << 3) /* was delivered before */

/**
 * struct userblk_request - one record of a GET: a buffer in, a request out
 * @id: out: names this delivery; the PUT repeats it
 * @offset: out: first byte on the device
 * @payload: out: offset of the payload in the control node, for pread and
 *	pwrite; 0 for a request without payload
 * @addr: in: buffer for the payload of a WRITE, or 0 for none
 * @room: in: bytes at @addr
 * @length: out: bytes that the request covers
 * @op: out: USERBLK_OP_*
 * @queue: out: the hardware queue it came from
 * @flags: out: USERBLK_REQ_*
 * @deliveries: out: 1 for the first delivery
 * @result: out: 0: this record holds a request. Otherwise it holds none, and no
 *	request is lost: -EFAULT @addr is not writable, the request is still
 *	queued; -EINVAL @reserved was not 0; -ESTALE a RESET put the request
 *	back while its payload was being copied; -EINTR a fatal signal arrived
 * @reserved: 0
 *
 * The kernel copies the payload to @addr only if all of it fits in @room;
 * otherwise the request is flagged USERBLK_REQ_NO_PAYLOAD, and the payload can
 * be fetched later.
 */
struct userblk_request {
	__u64 id;
	__u64 offset;
	__u64 payload;
	__u64 addr;
	__u32 room;
	__u32 length;
	__u16 op;
	__u16 queue;
	__u32 flags;
	__u32 deliveries;
	__s32 result;
	__u64 reserved;
};

/**
 * struct userblk_get - take requests
 * @requests: in: address of an array of struct userblk_request
 * @timeout_ns: in: how long to wait when none is queued: 0 does not wait, -1
 *	waits without limit
 * @request_size: in: sizeof(struct userblk_request)
 * @count: in: records, 1 ... USERBLK_MAX_BATCH; out: records used, from the
 *	first on; check the result of each
 * @queue: in: the hardware queue to look at first, or USERBLK_ANY_QUEUE; if it
 *	is empty, GET looks at the others too. Now and then GET starts with
 *	another queue, so that none starves
 * @flags: in: 0, USERBLK_GET_WATCH, USERBLK_GET_SPIN; out: 0,
 *	USERBLK_GET_ORPHANS, USERBLK_GET_WOKEN
 */
struct userblk_get {
	__u64 requests;
	__s64 timeout_ns;
	__u32 request_size;
	__u32 count;
	__u32 queue;
	__u32 flags;
};

#define USERBLK_ANY_QUEUE	0xffffffffu
/* in: also return, without a request, when a dead process holds requests */
#define USERBLK_GET_WATCH	(1u << 0)
/* out, WATCH or not: a dead process holds requests, a RESET is due */
#define USERBLK_GET_ORPHANS	(1u << 1)
/*
 * in: spin for up to 50 microseconds before sleeping, for less if spinning has
 * not helped recently
 */
#define USERBLK_GET_SPIN	(1u << 2)
/* out: a WAKE ended the wait */
#define USERBLK_GET_WOKEN	(1u << 3)

/**
 * USERBLK_GET - take queued requests
 *
 * The calling process (all of its threads) holds a taken request until a PUT,
 * a give-back, an ADOPT by another process or a RESET. Meanwhile no other GET
 * delivers it. A request that was put back is delivered alone.
 *
 * Success with @count 0: the timeout expired, or USERBLK_GET_ORPHANS or
 * USERBLK_GET_WOKEN is set.
 * EINTR a signal interrupted the wait; the call is never restarted. ENOMEM the
 * first GET of a process found no memory. EFAULT the argument or the array is
 * not readable or writable: nothing is taken (unless the argument itself became
 * unwritable during the call). A bad @addr affects only its own record.
 */
#define USERBLK_GET		_IOWR(0xB7, 0x10, struct userblk_get)

/* userblk_answer.action */
#define USERBLK_ACTION_COMPLETE	0	/* done: status; data of a READ */
#define USERBLK_ACTION_FETCH	1	/* copy a WRITE's payload, stay taken */
#define USERBLK_ACTION_STORE	2	/* copy a WRITE's payload and complete */
#define USERBLK_ACTION_GIVE_BACK 3	/* back into its place in the queue */
#define USERBLK_ACTION_ADOPT	4	/* the caller becomes the taker */
#define USERBLK_ACTION_REDIRECT	5	/* the kernel carries it out on a file */

/* userblk_answer.flags */
/*
 * COMPLETE of a READ with status 0, @addr 0 and the request's length: the
 * kernel fills it with zeros, like a hole.
 */
#define USERBLK_ANSWER_ZEROES	(1u << 0)
/*
 * REDIRECT: @addr is an array of @length struct userblk_extent, @fd and @offset
 * are 0
 */
#define USERBLK_ANSWER_EXTENTS	(1u << 1)

/**
 * struct userblk_extent - where one piece of a redirected request lies
 * @offset: in: bytes from the beginning of the file
 * @length: in: bytes; 0 for a FLUSH
 * @fd: in: an open file of the calling process, or USERBLK_HOLE, which reads
 *	as zeros and which discarding or zeroing leaves unchanged
 */
struct userblk_extent {
	__u64 offset;
	__u32 length;
	__s32 fd;
};

#define USERBLK_HOLE	(-1)

/**
 * struct userblk_answer - one record of a PUT
 * @id: in: from GET
 * @addr: in: COMPLETE of a READ: the data; FETCH and STORE: buffer for the
 *	payload; REDIRECT with ANSWER_EXTENTS: the extents; otherwise 0
 * @offset: in: REDIRECT: the place in the file, in bytes; otherwise 0
 * @length: in: bytes at @addr. FETCH and STORE need the request's length and
 *	ignore the rest. COMPLETE of a READ with status 0 needs exactly the
 *	request's length: less completes the READ with an I/O error. It may be
 *	0, with @addr 0, if all of the payload was written at
 *	userblk_request.payload in this delivery. REDIRECT: the request's
 *	length, or the number of extents
 * @action: in: USERBLK_ACTION_*
 * @flags: in: USERBLK_ANSWER_*
 * @status: in: COMPLETE: 0 or a negative errno, -4095 ... -1, for the
 *	submitter; other actions: 0
 * @fd: in: REDIRECT: an open file of the calling process; otherwise 0
 * @result: must be 0 on entry; out: 0 on success, else see USERBLK_PUT
 * @reserved: 0
 */
struct userblk_answer {
	__u64 id;
	__u64 addr;
	__u64 offset;
	__u32 length;
	__u16 action;
	__u16 flags;
	__s32 status;
	__s32 fd;
	__s32 result;
	__u32 reserved0;
	__u64 reserved[2];
};

/**
 * struct userblk_put - answer requests
 * @answers: in: address of an array of struct userblk_answer
 * @answer_size: in: sizeof(struct userblk_answer)
 * @count: in: records, 1 ... USERBLK_MAX_BATCH
 * @failed: out: number of results that are not 0
 * @flags: in: 0
 */
struct userblk_put {
	__u64 answers;
	__u32 answer_size;
	__u32 count;
	__u32 failed;
	__u32 flags;
};

/**
 * USERBLK_PUT - answer requests
 *
 * Records are independent: one that fails does not affect the others. Any
 * process that may open the node may answer any taken request. Results:
 *
 * -ESTALE	no such delivery: it never existed, was answered before, or was
 *		put back meanwhile. Nothing changed.
 * -EFAULT	@addr is not readable (READ) or writable (FETCH, STORE). The
 *		request stays taken. A READ may be filled in part.
 * -EINVAL	unknown action or flag, dirty padding, a status that is not a
 *		negative errno, an @addr or @length that the action does not
 *		use, FETCH or STORE of anything but a WRITE, ZEROES with
 *		anything but the COMPLETE of a READ without error. The request
 *		stays taken.
 * -EMSGSIZE	@length of a FETCH or STORE is too small, or COMPLETE of a READ
 *		has more data than the request asked for. The request stays
 *		taken.
 * -ENOMEM	ADOPT, or REDIRECT to several extents, found no memory. The
 *		request stays taken.
 * -EINTR	a fatal signal arrived while @addr was paged in. The request
 *		stays taken.
 * -EOWNERDEAD	GIVE_BACK or ADOPT of what a dead process holds, on a device
 *		whose class is not STORE_PROCESS: it takes a RESET. The request
 *		stays taken.
 *
 * REDIRECT: the kernel carries the request out on the file, or on each of up to
 * USERBLK_MAX_EXTENTS extents, and completes it when that ends. Extents cover
 * the request in order and exactly (for DISCARD and WRITE_ZEROES only their sum
 * matters). Once the result is 0, the kernel owns the request: it is no longer
 * taken, the worker may close the file and exit, and no RESET puts it back. A
 * FLUSH flushes the file, or that of each extent. The kernel reads and writes a
 * file opened with O_DIRECT directly where alignment allows. An end of file
 * within a READ is an I/O error; a WRITE or WRITE_ZEROES beyond the end extends
 * the file.
 *
 * The permissions of the open file, and the worker's credentials, limits and
 * cgroups apply. Successive answers of a call that name the same @fd refer to
 * the file that the first of them found there, and as with the pieces of a
 * preadv(), security modules are asked once for reading and once for writing.
 * The following errors leave the request taken:
 *
 * -EPERM	the device does not allow redirects (USERBLK_F_NO_REDIRECT); or
 *		a process serves the file and the worker lacks CAP_SYS_ADMIN: a
 *		FUSE file, also below an overlay; any file of an overlay mounted
 *		in a user namespace; another userblk device, a ublk or nbd
 *		device, a partition of one, or a file on a file system there
 * -EBADF	@fd is not an open file, or only a path (O_PATH), or not open
 *		for reading (READ) or writing (WRITE, DISCARD, WRITE_ZEROES)
 * -EISDIR	a directory
 * -ESPIPE	a pipe or a socket
 * -EINVAL	another file that is neither regular nor a block device; a file
 *		whose bytes are not stored (proc, sysfs, cgroup, debugfs and
 *		the like), also below an overlay: the file system must write
 *		pages back, to a disk or to another machine, or be tmpfs (memfd)
 *		or ramfs; a file opened with O_APPEND, for requests that modify
 *		it; extents that do not cover the request exactly; a hole for a
 *		WRITE
 * -ELOOP	this device, a partition of it, or a file on a file system there
 * -EFBIG	a WRITE or WRITE_ZEROES beyond the largest size of a file or
 *		beyond the worker's RLIMIT_FSIZE
 * -EACCES, …	the error of a security module
 *
 * EFAULT of the whole call: the array is not readable or writable; records
 * before that place were carried out, and if results were not writable, some
 * behind it too. EINTR a fatal signal arrived; likewise. PUT waits only for
 * @addr to be paged in; REDIRECT also for listeners that must permit the access
 * (fanotify), and for memory that a tmpfs needs.
 */
#define USERBLK_PUT		_IOWR(0xB7, 0x11, struct userblk_put)

/**
 * struct userblk_serve - answer and take in one call
 * @put: as for PUT, but @put.count may be 0
 * @get: as for GET
 *
 * @put.answers and @get.requests must not overlap.
 */
struct userblk_serve {
	struct userblk_put put;
	struct userblk_get get;
};

/**
 * USERBLK_SERVE - PUT, then GET
 *
 * An error means that the PUT part failed as a whole (see PUT), or that the
 * GET part failed after the PUT part was carried out: @put.failed and the
 * results then hold. If a signal interrupts the wait, the call succeeds with
 * @get.count 0; it is never restarted. If an answer failed, the GET part does
 * not wait.
 */
#define USERBLK_SERVE		_IOWR(0xB7, 0x12, struct userblk_serve)

/* userblk_reset.which */
#define USERBLK_RESET_DEAD	0	/* of dead takers */
#define USERBLK_RESET_PID	1	/* of one process, dead or alive */
#define USERBLK_RESET_OLDER	2	/* held longer than @age_ns */
#define USERBLK_RESET_ID	3	/* one request */
#define USERBLK_RESET_ALL	4	/* all taken requests */

/**
 * struct userblk_reset - put taken requests back
 * @id: in: for RESET_ID; otherwise 0
 * @age_ns: in: for RESET_OLDER; otherwise 0
 * @which: in: USERBLK_RESET_*
 * @pid: in: for RESET_PID: a process id (not a thread's) as the caller sees
 *	it; otherwise 0
 * @flags: in: 0 or USERBLK_RESET_FENCED, USERBLK_RESET_FORCED
 * @count: out: how many were put back, or failed at their delivery limit
 */
struct userblk_reset {
	__u64 id;
	__u64 age_ns;
	__u32 which;
	__s32 pid;
	__u32 flags;
	__u32 count;
};

/* The caller has fenced the store: no write of these takers can still land. */
#define USERBLK_RESET_FENCED	(1u << 0)
/* A person answers for that. */
#define USERBLK_RESET_FORCED	(1u << 1)

/**
 * USERBLK_RESET - put taken requests back into the queue
 *
 * They go ahead of everything submitted later, in submission order per
 * hardware queue, under a new id; an answer to the old id fails with ESTALE.
 * RESET_DEAD is safe. The others act on processes that may still be writing to
 * their own store: make sure that they are not. If there is nothing to put
 * back, the call succeeds with @count 0. Never waits.
 *
 * If the writes of a dead process may still land in the store, an old one could
 * overwrite what was acknowledged since. So a device of another class than
 * STORE_PROCESS demands, for every request, RESET_FORCED; with STORE_FENCED,
 * RESET_FENCED will do; with STORE_UNFENCED and @store_wait_ns, that the taker
 * has been dead for so long. EOWNERDEAD: there are such requests, none of them
 * meets that, and nothing was put back.
 */
#define USERBLK_RESET		_IOWR(0xB7, 0x13, struct userblk_reset)

/**
 * struct userblk_taken - one taken request
 * @id: out
 * @offset: out: bytes
 * @held_ns: out: time since it was taken
 * @length: out: bytes
 * @op: out: USERBLK_OP_*
 * @flags: out: USERBLK_TAKEN_*
 * @pid: out: its taker, as the reader sees it; 0 if not visible there
 * @deliveries: out: 1 for the first
 * @dead_ns: out: with TAKEN_ORPHAN: for how long its taker has been known to be
 *	dead; otherwise 0
 */
struct userblk_taken {
	__u64 id;
	__u64 offset;
	__u64 held_ns;
	__u32 length;
	__u16 op;
	__u16 flags;
	__s32 pid;
	__u32 deliveries;
	__u64 dead_ns;
};

#define USERBLK_TAKEN_ORPHAN	(1u << 0) /* its taker is dead */

/**
 * struct userblk_info - state of a device
 * @config: out: the configuration in force
 * @features: out: features of the module, USERBLK_FEATURE_*
 * @taken_list: in: address of an array of struct userblk_taken, or 0 with
 *	@taken_count 0
 * @taken_count: in: records in the array; out: records filled. The counts
 *	below date from the same moment, within a request or two
 * @taken_size: in: sizeof(struct userblk_taken)
 * @state: out: USERBLK_STATE_*
 * @openers: out: current number of opens of the block device
 * @queued: out: queued requests
 * @taken: out: taken requests
 * @orphaned: out: taken requests whose taker is dead
 * @oldest_queued_ns: out: age of the oldest queued request, 0 if none
 * @oldest_taken_ns: out: longest time a taken request has been held, 0 if none
 * @reads: out: READs completed since creation; likewise the next four
 * @writes: out: WRITEs
 * @flushes: out: FLUSHes
 * @discards: out: DISCARDs
 * @write_zeroes: out: WRITE_ZEROESes
 * @bytes_read: out: of READs completed without error
 * @bytes_written: out: of WRITEs completed without error
 * @errors: out: requests completed with an error, for any reason
 * @gets: out: requests delivered
 * @resets: out: RESET calls that put a request back
 * @put_back: out: requests put back by them
 * @given_back: out: requests given back by their takers
 * @stale: out: answers refused with ESTALE
 * @expired: out: requests that failed at @config.queue_limit_ns
 * @exhausted: out: requests that failed at @config.delivery_limit
 * @redirected: out: requests that the kernel is carrying out on files now
 * @redirects: out: requests redirected since creation
 * @unserved_ns: out: how long @servers has been 0 since the first GET; 0 while
 *	@servers is not 0, and before that GET
 * @servers: out: live processes that have taken requests, or waited for some.
 *	A process that stopped serving counts until it exits
 * @reserved0: out: 0
 * @diskseq: out: identifies the device until reboot, while its number may be
 *	reused. The same as the disk's diskseq in sysfs
 * @reserved: out: 0
 */
struct userblk_info {
	struct userblk_config config;
	__u64 features;
	__u64 taken_list;
	__u32 taken_count;
	__u32 taken_size;
	__u32 state;
	__u32 openers;
	__u64 queued;
	__u64 taken;
	__u64 orphaned;
	__u64 oldest_queued_ns;
	__u64 oldest_taken_ns;
	__u64 reads;
	__u64 writes;
	__u64 flushes;
	__u64 discards;
	__u64 write_zeroes;
	__u64 bytes_read;
	__u64 bytes_written;
	__u64 errors;
	__u64 gets;
	__u64 resets;
	__u64 put_back;
	__u64 given_back;
	__u64 stale;
	__u64 expired;
	__u64 exhausted;
	__u64 redirected;
	__u64 redirects;
	__u64 unserved_ns;
	__u32 servers;
	__u32 reserved0;
	__u64 diskseq;
	__u64 reserved[3];
};

#define USERBLK_STATE_NEW	0	/* nobody has asked for requests yet */
/* A process has, once: the device has its size. See @servers for now. */
#define USERBLK_STATE_SERVED	1

/**
 * USERBLK_INFO - report the state of the device
 *
 * ENOMEM no memory for the list of taken requests. Changes nothing and never
 * waits.
 */
#define USERBLK_INFO		_IOWR(0xB7, 0x14, struct userblk_info)

/**
 * struct userblk_resize - a new size
 * @size: in: bytes; a multiple of the logical block size, not 0
 * @flags: in: 0
 * @reserved: 0
 */
struct userblk_resize {
	__u64 size;
	__u32 flags;
	__u32 reserved;
};

/**
 * USERBLK_RESIZE - change the device's size
 *
 * Once the device is served, its users see the new size at once. When a device
 * shrinks, queued requests beyond the new end are still delivered; later ones
 * fail, also through a partition that extends beyond it. A "change" uevent with
 * RESIZE=1 reports the new size; after several changes within a second, one
 * uevent may follow the last. Does not wait. EINVAL a bad size; EFBIG larger
 * than the block layer supports; EBUSY the device is still being created.
 */
#define USERBLK_RESIZE		_IOW(0xB7, 0x15, struct userblk_resize)

/**
 * struct userblk_wake - how many waits to end
 * @count: in: waits, or USERBLK_WAKE_ALL; 0: takes back what earlier calls
 *	asked for and no wait has used
 * @flags: in: 0
 */
struct userblk_wake {
	__u32 count;
	__u32 flags;
};

/* All waits on this open file, those that begin later included. */
#define USERBLK_WAKE_ALL	0xffffffffu

/**
 * USERBLK_WAKE - end waits inside GET and SERVE, without a request
 *
 * Acts on the calls made through the same open file, by any thread or process:
 * a thread that has opened the node for itself is woken alone. A call that is
 * woken succeeds with USERBLK_GET_WOKEN and without a request.
 *
 * A WAKE is never lost: if fewer than @count calls wait, as many later ones
 * return as soon as they would wait. Calls that find requests, or have a
 * timeout of 0, use up nothing. WAKEs that are not used up do not add
 * up: the largest @count applies. poll reports nothing.
 *
 * Never waits; can be called from signal handlers.
 */
#define USERBLK_WAKE		_IOW(0xB7, 0x16, struct userblk_wake)

#endif /* USERBLK_IOCTL_H */
