/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * userblk: block devices whose driver is a set of ordinary processes.
 *
 * This header is the whole interface between the kernel module and user
 * space, for C and C++ and for 32 and 64 bit programs alike (the same bytes).
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
 *      A device that nobody has served yet has size 0 for I/O, with
 *      USERBLK_FEATURE_EMPTY_UNTIL_SERVED. Requests beyond the end of a
 *      device that was made smaller fail.
 *      userblk_info.diskseq and userblk_remove.diskseq, with
 *      USERBLK_FEATURE_DISKSEQ. struct userblk_remove is longer and the number
 *      of REMOVE another one; that of before, USERBLK_REMOVE_1, still works.
 *
 * The interface only grows: a worker built against this file runs on every
 * later module. What a module can do is told by feature bits, not by a number.
 *
 * Conventions
 *   Offsets and sizes are in bytes, times in nanoseconds unless a field says
 *   otherwise. Times of waiting are measured with the kernel's timer tick.
 *   "in" is read by the kernel, "out" is written by it; an out field may hold
 *   anything on entry unless its text says that it must be 0. Padding and
 *   reserved fields must be 0 on entry (EINVAL).
 *   User addresses are passed as __u64.
 *
 * Errors of every ioctl
 *   ENOTTY  unknown command, wrong size of the argument or of a record
 *   EFAULT  the argument or an array cannot be read or written
 *   EINVAL  an unknown flag, dirty padding, a value out of its range
 *   ENODEV  (control nodes) the device was removed
 *   EBADF   (control nodes, all but INFO) the node is not open for writing
 *   EINTR   (LIST, CREATE, REMOVE) a fatal signal came first
 *
 * Open control nodes with O_CLOEXEC. An exec ends a process's part in what it
 * took, and where the exec closes the descriptor, those who wait are told;
 * otherwise only a RESET, or the next call of the process, finds it out.
 */
#ifndef USERBLK_IOCTL_H
#define USERBLK_IOCTL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Limits. With them a request's id, and its place in the payload file, fit. */
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

/* What stands for 0 in struct userblk_config. */
#define USERBLK_DEFAULT_QUEUES		1u
#define USERBLK_DEFAULT_DEPTH		128u
#define USERBLK_DEFAULT_TRANSFER	(512u << 10)
#define USERBLK_DEFAULT_BLOCK_SIZE	512u
#define USERBLK_DEFAULT_PHYSICAL_SIZE	4096u
#define USERBLK_DEFAULT_MODE		0600u

/*
 * A request's id names one delivery of it: the slot (queue and tag) that it
 * occupies and the slot's generation, which changes each time a request enters
 * the queue or is put back into it. After 2^32 of those changes of one slot a
 * generation comes again. Treat the id as opaque, or take it apart with:
 */
#define USERBLK_ID_GENERATION(id)	((__u32)((__u64)(id) >> 32))
#define USERBLK_ID_QUEUE(id)		((__u32)((id) >> 16) & 0xffffu)
#define USERBLK_ID_TAG(id)		((__u32)(id) & 0xffffu)

/*
 * A request's payload is also a piece of the control node seen as a file, for
 * pread, pwrite and splice. It begins at userblk_request.payload, never 0, made
 * of the slot's generation, without its upper bits, the slot's number (queue *
 * depth rounded up to 2^n, plus tag), and 0 for the first byte. A place whose
 * delivery is over gives ESTALE, until 2^25 generations of one slot later.
 *
 * The payload of a WRITE is read, in any pieces and any number of times; behind
 * its end there is nothing more (0). That of a READ is written, from front to
 * back: what follows on what was written before, or is before that, is taken
 * (else EINVAL; behind the end ENOSPC), and once all of it was written the
 * request may be completed with @addr and @length 0.
 *
 * Errors: EBADF the node is not open for writing; EPERM a READ cannot be read
 * and a WRITE not be written; EINVAL a request without a payload; ESTALE;
 * EFAULT; EINTR a fatal signal came; ENODEV. What was moved before is told
 * instead of an error that comes later. Pages that were spliced out are copies.
 */
#define USERBLK_PAYLOAD_OFFSET_BITS	23
#define USERBLK_PAYLOAD_SLOT_BITS	15
#define USERBLK_PAYLOAD_GENERATION_BITS	25

/* ------------------------------------------------------------ configuration */

/* userblk_config.flags: what the device promises to those who use it. */
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

/**
 * struct userblk_config - what a device is; given at creation, told by INFO
 * @size: bytes; a multiple of @logical_block_size, not 0. For those who use
 *	the device it is 0 until somebody serves it, see USERBLK_CREATE
 * @flags: USERBLK_F_*; an unknown one is refused. With neither F_REDIRECT nor
 *	F_NO_REDIRECT it is allowed if root alone may open the control node
 *	(@uid is the initial root and @mode gives nobody else anything);
 *	written back: exactly one of the two
 * @queue_limit_ns: a request that waited in the queue for longer than this
 *	fails with a time-out; 0: it waits for ever
 * @logical_block_size: 512, 1024, 2048 or 4096; 0: 512
 * @physical_block_size: a power of two, at least logical, at most 1 MiB;
 *	0: 4096
 * @io_min: preferred smallest I/O, a multiple of @physical_block_size; 0: that
 * @io_opt: preferred large I/O, a multiple of @physical_block_size; 0: none
 * @max_transfer: largest payload of a request, a power of two from
 *	USERBLK_MIN_TRANSFER (or the page size, if that is larger) to
 *	USERBLK_MAX_TRANSFER; 0: 512 KiB
 * @chunk_size: no request crosses a multiple of this, discards included; a
 *	power of two, 4096 to 1 GiB; 0: none
 * @discard_granularity: with F_DISCARD: a power of two, at least
 *	@logical_block_size; 0: that. Written back: at least
 *	@physical_block_size
 * @queues: hardware queues; 0: 1. Written back: how many there are, which is
 *	never more than the machine has processors
 * @depth: requests in flight per queue; 0: 128. Written back: the real depth
 * @delivery_limit: a request that would be delivered more often than this
 *	fails instead; deliveries that were given back do not count; 0: no limit
 * @uid: owner of the control node
 * @gid: group of the control node
 * @mode: permissions of the control node, a subset of 0777; 0: 0600
 * @number: the device's number, or USERBLK_ANY_NUMBER for the lowest free one
 * @reserved: 0
 * @name: NUL-terminated, padded with NULs; empty, or letters, digits and
 *	"._+:-", not beginning with "." or "-", and not what names a device by
 *	its number ("7", "userblk7", "userblkc7"); unique among the devices
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
	__u32 reserved[4];
	char name[USERBLK_NAME_LEN];
};

#define USERBLK_ANY_NUMBER	0xffffffffu

/* ------------------------------------------------------- the control device */

/**
 * USERBLK_CREATE - make a device (on /dev/userblk-control)
 *
 * Argument: struct userblk_config, in and out: fields that were 0 come back
 * with the values in force. On success /dev/userblkN and /dev/userblkcN exist.
 * Never waits for a worker.
 *
 * Until somebody asks for requests the block device has size 0, and I/O on it
 * fails at once, flushes included: those who look at all disks do not wait for
 * a driver that is not there. To ask is to GET or SERVE, or to poll a control
 * node that is open for writing for POLLIN. By the return of the first such
 * call the device has @size, for good; then its partition table is read, unless
 * F_NO_PARTITIONS, and when that is done a "change" uevent says
 * USERBLK_EVENT=served.
 *
 * EPERM without CAP_SYS_ADMIN; EINVAL a value out of its range; EEXIST the
 * number or the name is taken; ENOSPC no number is free; EFBIG larger than the
 * block layer takes; ENOMEM. After a failure there is no device.
 */
#define USERBLK_CREATE		_IOWR(0xB7, 0x00, struct userblk_config)

/**
 * struct userblk_remove - which device goes, and how
 * @number: in: the device's number
 * @flags: in: 0 or USERBLK_REMOVE_FORCE
 * @diskseq: in: userblk_info.diskseq of the device that is meant, since its
 *	number may be another one's by now; 0: whichever has the number
 */
struct userblk_remove {
	__u32 number;
	__u32 flags;
	__u64 diskseq;
};

/* Remove a device that is in use; what waits fails with an I/O error. */
#define USERBLK_REMOVE_FORCE	(1u << 0)

/**
 * USERBLK_REMOVE - remove a device (on /dev/userblk-control)
 *
 * Ends however stuck or absent the workers are; what was redirected to another
 * file is waited for, until that file's I/O ends. Every ioctl on a control node
 * of the device then gives ENODEV, also after the number was given away again.
 *
 * EPERM without CAP_SYS_ADMIN; ENODEV no such device; EBUSY it is open or
 * mounted and USERBLK_REMOVE_FORCE was not given.
 */
#define USERBLK_REMOVE		_IOW(0xB7, 0x01, struct userblk_remove)
/* The same without @diskseq, whose place is not looked at: as of 0. */
#define USERBLK_REMOVE_1	_IOW(0xB7, 0x01, __u64)

/**
 * struct userblk_list_entry - one device in a list
 * @size: out: bytes
 * @flags: out: USERBLK_F_*
 * @number: out
 * @reserved: out: 0
 * @name: out
 */
struct userblk_list_entry {
	__u64 size;
	__u64 flags;
	__u32 number;
	__u32 reserved;
	char name[USERBLK_NAME_LEN];
};

/**
 * struct userblk_list - the devices that there are
 * @entries: in: address of an array of struct userblk_list_entry, or 0 with
 *	@count 0
 * @features: out: what this module can do, USERBLK_FEATURE_*
 * @count: in: entries that the array has room for; out: entries filled
 * @total: out: devices that exist; more than @count if the array was too small
 * @entry_size: in: sizeof(struct userblk_list_entry)
 * @first: in: only devices with this number or a higher one
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
#define USERBLK_FEATURE_SERVERS		(1ULL << 4) /* INFO tells who serves now */
/* A new device is empty until it is served, see USERBLK_CREATE. */
#define USERBLK_FEATURE_EMPTY_UNTIL_SERVED (1ULL << 5)
#define USERBLK_FEATURE_DISKSEQ		(1ULL << 6) /* INFO, REMOVE have it */

/**
 * USERBLK_LIST - list the devices by number (on /dev/userblk-control)
 *
 * EPERM without CAP_SYS_ADMIN. /sys/class/userblk/userblkc*\/ and
 * /sys/block/userblk*\/userblk/ tell the same to everybody.
 */
#define USERBLK_LIST		_IOWR(0xB7, 0x02, struct userblk_list)

/* -------------------------------------------------------- the control node */

/*
 * poll on a control node:
 *   POLLIN | POLLRDNORM	requests are queued; those that are taken do not count
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
#define USERBLK_REQ_NO_PAYLOAD	(1u << 2) /* WRITE: its payload did not fit */
#define USERBLK_REQ_REDELIVERED	(1u << 3) /* was delivered before */

/**
 * struct userblk_request - one record of a GET: a buffer in, a request out
 * @id: out: names this delivery; PUT it
 * @offset: out: first byte on the device
 * @payload: out: where its payload is in the control node, for pread and
 *	pwrite; 0 for a request without payload
 * @addr: in: where the payload of a WRITE goes, or 0 for nowhere
 * @room: in: bytes at @addr
 * @length: out: bytes that the request is about
 * @op: out: USERBLK_OP_*
 * @queue: out: the hardware queue that it came from
 * @flags: out: USERBLK_REQ_*
 * @deliveries: out: 1 for the first delivery
 * @result: out: 0: this record holds a request. Otherwise it does not, and no
 *	request is lost: -EFAULT @addr could not be written, that request is
 *	still queued; -EINVAL @reserved was not 0; -ESTALE the request was put
 *	back by a RESET while its payload was on its way; -EINTR a fatal signal
 *	came
 * @reserved: 0
 *
 * The payload is written to @addr only if all of it fits in @room; otherwise
 * the request comes with USERBLK_REQ_NO_PAYLOAD, to be fetched later.
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
 * @timeout_ns: in: how long to wait when none is queued: 0 not at all, -1
 *	until one comes
 * @request_size: in: sizeof(struct userblk_request)
 * @count: in: records, 1 ... USERBLK_MAX_BATCH; out: records used, from the
 *	first on; look at each one's result
 * @queue: in: the hardware queue to look at first, or USERBLK_ANY_QUEUE; when
 *	it is empty the others are looked at too. Now and then another one is
 *	looked at first, so that none starves
 * @flags: in: 0, USERBLK_GET_WATCH, USERBLK_GET_SPIN; out: 0 or
 *	USERBLK_GET_ORPHANS
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
/* in: return also, with no request, when a dead process holds requests */
#define USERBLK_GET_WATCH	(1u << 0)
/* out, with or without WATCH: a dead process holds requests: a RESET is due */
#define USERBLK_GET_ORPHANS	(1u << 1)
/*
 * in: before it sleeps, look for requests for up to 50 microseconds, and for
 * less where that did not help lately
 */
#define USERBLK_GET_SPIN	(1u << 2)

/**
 * USERBLK_GET - take queued requests
 *
 * What is taken belongs to the calling process (all of its threads) until a
 * PUT, a give-back, an ADOPT by another process or a RESET. It is delivered to
 * nobody else meanwhile. A request that was put back is delivered alone.
 *
 * Success with @count 0: the time is over, or USERBLK_GET_ORPHANS is set.
 * EINTR a signal came while it waited; it is never restarted. ENOMEM the first
 * GET of a process found no memory. EFAULT the argument or the array cannot be
 * read or written: nothing is taken (unless the argument itself ceased to be
 * writable during the call). A single bad @addr is told in its record alone.
 */
#define USERBLK_GET		_IOWR(0xB7, 0x10, struct userblk_get)

/* userblk_answer.action */
#define USERBLK_ACTION_COMPLETE	0	/* done: status; data of a READ */
#define USERBLK_ACTION_FETCH	1	/* copy a WRITE's payload, stay taken */
#define USERBLK_ACTION_STORE	2	/* copy a WRITE's payload and complete */
#define USERBLK_ACTION_GIVE_BACK 3	/* into the queue again, in its place */
#define USERBLK_ACTION_ADOPT	4	/* the caller is the taker from now on */
#define USERBLK_ACTION_REDIRECT	5	/* the kernel carries it out on a file */

/* userblk_answer.flags */
/*
 * COMPLETE of a READ with status 0, @addr 0 and the request's length: the
 * kernel fills it with zeros, as for a hole.
 */
#define USERBLK_ANSWER_ZEROES	(1u << 0)
/* REDIRECT: @addr is an array of @length struct userblk_extent, @fd and @offset
 * are 0
 */
#define USERBLK_ANSWER_EXTENTS	(1u << 1)

/**
 * struct userblk_extent - where one piece of a redirected request lies
 * @offset: in: bytes from the beginning of the file
 * @length: in: bytes; 0 for a FLUSH
 * @fd: in: an open file of the calling process, or USERBLK_HOLE: reads as
 *	zeros, and needs nothing to be discarded or zeroed
 */
struct userblk_extent {
	__u64 offset;
	__u32 length;
	__s32 fd;
};

#define USERBLK_HOLE	(-1)

/**
 * struct userblk_answer - one record of a PUT
 * @id: in: what a GET told
 * @addr: in: COMPLETE of a READ: the data; FETCH and STORE: where the payload
 *	goes; REDIRECT with ANSWER_EXTENTS: the extents; otherwise 0
 * @offset: in: REDIRECT: the place in the file, in bytes; otherwise 0
 * @length: in: bytes at @addr. FETCH and STORE need the request's length, more
 *	is left alone. For a COMPLETE of a READ with status 0 exactly the
 *	request's length: less completes the READ with an I/O error. It may be
 *	0, with @addr 0, if all of the payload was written at
 *	userblk_request.payload in this delivery. REDIRECT: the request's
 *	length, or how many extents there are
 * @action: in: USERBLK_ACTION_*
 * @flags: in: USERBLK_ANSWER_*
 * @status: in: COMPLETE: 0 or a negative errno, -4095 ... -1, for whoever
 *	asked; other actions: 0
 * @fd: in: REDIRECT: an open file of the calling process; otherwise 0
 * @result: must be 0 on entry; out: 0 done, or why not, see USERBLK_PUT
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
 * @failed: out: how many of the results are not 0
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
 * Every record stands for itself: the bad ones do not spoil the others. Any
 * process that may open the node may answer any taken request. Results:
 *
 * -ESTALE	no such delivery: never given, answered before, or put back
 *		meanwhile. Nothing was changed.
 * -EFAULT	@addr cannot be read (READ) or written (FETCH, STORE). The
 *		request stays taken. A READ may have been filled in part.
 * -EINVAL	unknown action or flag, dirty padding, a status that is no
 *		negative errno, an @addr or @length that the action has no use
 *		for, FETCH or STORE of something else than a WRITE, ZEROES with
 *		anything but the COMPLETE of a READ without error. It stays
 *		taken.
 * -EMSGSIZE	FETCH or STORE with too little room; COMPLETE of a READ with
 *		more data than was asked for. It stays taken.
 * -ENOMEM	ADOPT, or REDIRECT to several extents, found no memory. It
 *		stays taken.
 * -EINTR	a fatal signal came while @addr was paged in. It stays taken.
 *
 * REDIRECT: the kernel carries the request out on the file, or on each of up to
 * USERBLK_MAX_EXTENTS extents, which cover the request in order and exactly (for
 * DISCARD and WRITE_ZEROES only their sum matters), and completes it as that
 * ends. With result 0 the request is the kernel's: it is not taken any more, the
 * worker may close the file and die, and no RESET puts it back. A FLUSH flushes
 * the file, or that of each extent. A file opened with
 * O_DIRECT is read and written directly where alignment allows. An end of file
 * within a READ is an I/O error; a WRITE or WRITE_ZEROES beyond the end makes
 * the file longer.
 * Permission is that of the open file; the worker's credentials, limits and
 * cgroups count. Successive answers of a call that name the same @fd are about
 * the file that the first of them found there, and as for the pieces of a
 * preadv(), security modules are asked once for reading and once for writing.
 * Refused, and the request stays taken, with:
 *
 * -EPERM	the device does not allow it (USERBLK_F_NO_REDIRECT); some
 *		process serves the file and the worker lacks CAP_SYS_ADMIN: a
 *		FUSE file, also below an overlay; any file of an overlay mounted
 *		in a user namespace; another userblk device, a ublk or nbd
 *		device, a partition of one, or a file on a file system there
 * -EBADF	@fd is no open file, or only a path (O_PATH), or it is not open
 *		for reading (READ) or writing (WRITE, DISCARD, WRITE_ZEROES)
 * -EISDIR	a directory
 * -ESPIPE	a pipe or a socket
 * -EINVAL	another file that is neither regular nor a block device; one
 *		whose bytes are kept nowhere (proc, sysfs, cgroup, debugfs and
 *		their like), also below an overlay: taken are files whose file
 *		system writes pages back, to a disk or to another machine, tmpfs
 *		(memfd) and ramfs; one opened with O_APPEND, for what changes
 *		it; the extents do not cover the request exactly; a hole for a
 *		WRITE
 * -ELOOP	this device, a partition of it, or a file on a file system there
 * -EFBIG	a WRITE or WRITE_ZEROES beyond the largest size of a file or
 *		beyond the worker's RLIMIT_FSIZE
 * -EACCES, …	what a security module answered
 *
 * EFAULT of the whole call: the array cannot be read or written; records
 * before that place have been carried out, and where results could not be
 * written, some behind it. EINTR a fatal signal came; likewise. Waits for
 * nothing but @addr to be paged in; with REDIRECT also for who watches the file
 * and wants to be asked (fanotify), and for memory that a tmpfs has to find.
 */
#define USERBLK_PUT		_IOWR(0xB7, 0x11, struct userblk_put)

/**
 * struct userblk_serve - answer and take in one call
 * @put: as of PUT, but @put.count may be 0
 * @get: as of GET
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
 * An error means that the PUT part was refused as a whole (see PUT), or that
 * the GET part could not be carried out after the PUT part was: @put.failed
 * and the results then hold. A signal that comes while it waits gives success
 * with @get.count 0; it is never restarted. When an answer failed, the GET part
 * does not wait.
 */
#define USERBLK_SERVE		_IOWR(0xB7, 0x12, struct userblk_serve)

/* userblk_reset.which */
#define USERBLK_RESET_DEAD	0	/* of takers that are dead */
#define USERBLK_RESET_PID	1	/* of one process, dead or alive */
#define USERBLK_RESET_OLDER	2	/* taken longer ago than @age_ns */
#define USERBLK_RESET_ID	3	/* one request */
#define USERBLK_RESET_ALL	4	/* everything that is taken */

/**
 * struct userblk_reset - put taken requests back
 * @id: in: for RESET_ID; otherwise 0
 * @age_ns: in: for RESET_OLDER; otherwise 0
 * @which: in: USERBLK_RESET_*
 * @pid: in: for RESET_PID: a process id (not a thread's) as the caller sees
 *	it; otherwise 0
 * @flags: in: 0
 * @count: out: how many were put back, or failed for their delivery limit
 */
struct userblk_reset {
	__u64 id;
	__u64 age_ns;
	__u32 which;
	__s32 pid;
	__u32 flags;
	__u32 count;
};

/**
 * USERBLK_RESET - put taken requests back into the queue
 *
 * They go ahead of everything submitted later, in submission order per
 * hardware queue, under a new id; an answer to the old one gets ESTALE. With
 * RESET_DEAD always safe; the others act on processes that may still be
 * writing to their own store: make sure that they do not. Nothing to put back
 * is success with @count 0. Never waits.
 */
#define USERBLK_RESET		_IOWR(0xB7, 0x13, struct userblk_reset)

/**
 * struct userblk_taken - one request that somebody holds
 * @id: out
 * @offset: out: bytes
 * @held_ns: out: time since it was taken
 * @length: out: bytes
 * @op: out: USERBLK_OP_*
 * @flags: out: USERBLK_TAKEN_*
 * @pid: out: who took it, as the reader sees it; 0 where it is not visible
 * @deliveries: out: 1 for the first
 * @reserved: out: 0
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
	__u64 reserved;
};

#define USERBLK_TAKEN_ORPHAN	(1u << 0) /* its taker is dead */

/**
 * struct userblk_info - how a device is doing
 * @config: out: the configuration in force
 * @features: out: what the module can do, USERBLK_FEATURE_*
 * @taken_list: in: address of an array of struct userblk_taken, or 0 with
 *	@taken_count 0
 * @taken_count: in: records in the array; out: records filled. The counts
 *	below are of the same moment within a request or two
 * @taken_size: in: sizeof(struct userblk_taken)
 * @state: out: USERBLK_STATE_*
 * @openers: out: how often the block device is open now
 * @queued: out: requests that wait
 * @taken: out: requests that somebody holds
 * @orphaned: out: those of them whose taker is dead
 * @oldest_queued_ns: out: the longest wait in the queue now, 0 if none
 * @oldest_taken_ns: out: the longest time that one is held now, 0 if none
 * @reads: out: READs completed since creation; so are the next ones
 * @writes: out: WRITEs
 * @flushes: out: FLUSHes
 * @discards: out: DISCARDs
 * @write_zeroes: out: WRITE_ZEROESes
 * @bytes_read: out: of READs completed without error
 * @bytes_written: out: of WRITEs completed without error
 * @errors: out: completed with an error, for whatever reason
 * @gets: out: requests delivered
 * @resets: out: RESET calls that put something back
 * @put_back: out: requests put back by them
 * @given_back: out: requests given back by their takers
 * @stale: out: answers refused with ESTALE
 * @expired: out: failed for @config.queue_limit_ns
 * @exhausted: out: failed for @config.delivery_limit
 * @redirected: out: requests that the kernel carries out on files just now
 * @redirects: out: requests redirected since creation
 * @unserved_ns: out: how long @servers has been 0 since the first GET; 0 while
 *	it is not, and before that GET
 * @servers: out: processes that have taken requests, or waited for some, and
 *	live. One that stopped serving counts until it ends
 * @reserved0: out: 0
 * @diskseq: out: the device's own for as long as the machine runs, while its
 *	number is given away again. As of the disk in sysfs
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

#define USERBLK_STATE_NEW	0	/* nobody has ever asked for requests */
/* Somebody has: the device has its size. @servers tells of now. */
#define USERBLK_STATE_SERVED	1

/**
 * USERBLK_INFO - tell how the device is doing
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
 * Seen at once by whoever uses the device, once it is served. Requests beyond a
 * new, smaller end that are queued already are delivered all the same; later
 * ones fail, those through a partition that reaches beyond it, too. A "change"
 * uevent with RESIZE=1 says that the size is another one; for several changes
 * within a second it may come once, after the last. Does not wait. EINVAL a bad
 * size; EFBIG larger than the block layer takes; EBUSY the device is still being
 * made.
 */
#define USERBLK_RESIZE		_IOW(0xB7, 0x15, struct userblk_resize)

#endif /* USERBLK_IOCTL_H */
