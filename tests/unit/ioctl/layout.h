/* SPDX-License-Identifier: MIT */
/*
 * The layout of the ABI in numbers, which no later version may change. Included
 * by a C and by a C++ file, for 32 and for 64 bits where the compiler can.
 */
#include <stddef.h>

#include "ioctl/userblk_ioctl.h"

#ifdef __cplusplus
#define CHECK(what, text) static_assert(what, text)
#else
#define CHECK(what, text) _Static_assert(what, text)
#endif
#define SIZE(type, bytes) CHECK(sizeof(struct userblk_##type) == (bytes), "size of " #type)
#define AT(type, field, bytes) \
	CHECK(offsetof(struct userblk_##type, field) == (bytes), #type "." #field)
#define IS(name, value) CHECK((name) == (value), #name)

SIZE(config, 160);
AT(config, size, 0);
AT(config, flags, 8);
AT(config, queue_limit_ns, 16);
AT(config, logical_block_size, 24);
AT(config, physical_block_size, 28);
AT(config, io_min, 32);
AT(config, io_opt, 36);
AT(config, max_transfer, 40);
AT(config, chunk_size, 44);
AT(config, discard_granularity, 48);
AT(config, queues, 52);
AT(config, depth, 56);
AT(config, delivery_limit, 60);
AT(config, uid, 64);
AT(config, gid, 68);
AT(config, mode, 72);
AT(config, number, 76);
AT(config, store_wait_ns, 80);
AT(config, store_class, 88);
AT(config, reserved, 92);
AT(config, name, 96);

SIZE(remove, 16);
AT(remove, number, 0);
AT(remove, flags, 4);
AT(remove, diskseq, 8);

SIZE(list_entry, 88);
AT(list_entry, size, 0);
AT(list_entry, flags, 8);
AT(list_entry, number, 16);
AT(list_entry, store_class, 20);
AT(list_entry, name, 24);

SIZE(list, 32);
AT(list, entries, 0);
AT(list, features, 8);
AT(list, count, 16);
AT(list, total, 20);
AT(list, entry_size, 24);
AT(list, first, 28);

SIZE(request, 64);
AT(request, id, 0);
AT(request, offset, 8);
AT(request, payload, 16);
AT(request, addr, 24);
AT(request, room, 32);
AT(request, length, 36);
AT(request, op, 40);
AT(request, queue, 42);
AT(request, flags, 44);
AT(request, deliveries, 48);
AT(request, result, 52);
AT(request, reserved, 56);

SIZE(get, 32);
AT(get, requests, 0);
AT(get, timeout_ns, 8);
AT(get, request_size, 16);
AT(get, count, 20);
AT(get, queue, 24);
AT(get, flags, 28);

SIZE(answer, 64);
AT(answer, id, 0);
AT(answer, addr, 8);
AT(answer, offset, 16);
AT(answer, length, 24);
AT(answer, action, 28);
AT(answer, flags, 30);
AT(answer, status, 32);
AT(answer, fd, 36);
AT(answer, result, 40);
AT(answer, reserved0, 44);
AT(answer, reserved, 48);

SIZE(put, 24);
AT(put, answers, 0);
AT(put, answer_size, 8);
AT(put, count, 12);
AT(put, failed, 16);
AT(put, flags, 20);

SIZE(serve, 56);
AT(serve, put, 0);
AT(serve, get, 24);

SIZE(reset, 32);
AT(reset, id, 0);
AT(reset, age_ns, 8);
AT(reset, which, 16);
AT(reset, pid, 20);
AT(reset, flags, 24);
AT(reset, count, 28);

SIZE(taken, 48);
AT(taken, id, 0);
AT(taken, offset, 8);
AT(taken, held_ns, 16);
AT(taken, length, 24);
AT(taken, op, 28);
AT(taken, flags, 30);
AT(taken, pid, 32);
AT(taken, deliveries, 36);
AT(taken, dead_ns, 40);

SIZE(info, 416);
AT(info, config, 0);
AT(info, features, 160);
AT(info, taken_list, 168);
AT(info, taken_count, 176);
AT(info, taken_size, 180);
AT(info, state, 184);
AT(info, openers, 188);
AT(info, queued, 192);
AT(info, taken, 200);
AT(info, orphaned, 208);
AT(info, oldest_queued_ns, 216);
AT(info, oldest_taken_ns, 224);
AT(info, reads, 232);
AT(info, writes, 240);
AT(info, flushes, 248);
AT(info, discards, 256);
AT(info, write_zeroes, 264);
AT(info, bytes_read, 272);
AT(info, bytes_written, 280);
AT(info, errors, 288);
AT(info, gets, 296);
AT(info, resets, 304);
AT(info, put_back, 312);
AT(info, given_back, 320);
AT(info, stale, 328);
AT(info, expired, 336);
AT(info, exhausted, 344);
AT(info, redirected, 352);
AT(info, redirects, 360);
AT(info, unserved_ns, 368);
AT(info, servers, 376);
AT(info, reserved0, 380);
AT(info, diskseq, 384);
AT(info, reserved, 392);

SIZE(extent, 16);
AT(extent, offset, 0);
AT(extent, length, 8);
AT(extent, fd, 12);

SIZE(resize, 16);
AT(resize, size, 0);
AT(resize, flags, 8);
AT(resize, reserved, 12);

SIZE(wake, 8);
AT(wake, count, 0);
AT(wake, flags, 4);

IS(USERBLK_F_READ_ONLY, 1);
IS(USERBLK_F_ROTATIONAL, 2);
IS(USERBLK_F_CACHE, 4);
IS(USERBLK_F_FUA, 8);
IS(USERBLK_F_DISCARD, 0x10);
IS(USERBLK_F_WRITE_ZEROES, 0x20);
IS(USERBLK_F_STABLE_WRITES, 0x40);
IS(USERBLK_F_NO_PARTITIONS, 0x80);
IS(USERBLK_F_REDIRECT, 0x100);
IS(USERBLK_F_NO_REDIRECT, 0x200);
IS(USERBLK_ANY_NUMBER, 0xffffffff);
IS(USERBLK_CREATE, 0xc0a0b700);
IS(USERBLK_REMOVE_FORCE, 1);
IS(USERBLK_REMOVE, 0x4010b701);
IS(USERBLK_REMOVE_1, 0x4008b701);
IS(USERBLK_FEATURE_REDIRECT, 1);
IS(USERBLK_FEATURE_PAYLOAD_FILE, 2);
IS(USERBLK_LIST, 0xc020b702);
IS(USERBLK_OP_READ, 0);
IS(USERBLK_OP_WRITE, 1);
IS(USERBLK_OP_FLUSH, 2);
IS(USERBLK_OP_DISCARD, 3);
IS(USERBLK_OP_WRITE_ZEROES, 4);
IS(USERBLK_REQ_FUA, 1);
IS(USERBLK_REQ_NOUNMAP, 2);
IS(USERBLK_REQ_NO_PAYLOAD, 4);
IS(USERBLK_REQ_REDELIVERED, 8);
IS(USERBLK_ANY_QUEUE, 0xffffffff);
IS(USERBLK_GET_WATCH, 1);
IS(USERBLK_GET_ORPHANS, 2);
IS(USERBLK_GET_SPIN, 4);
IS(USERBLK_GET_WOKEN, 8);
IS(USERBLK_ANSWER_ZEROES, 1);
IS(USERBLK_ANSWER_EXTENTS, 2);
IS(USERBLK_HOLE, -1);
IS(USERBLK_MAX_EXTENTS, 32);
IS(USERBLK_FEATURE_ZEROES, 4);
IS(USERBLK_FEATURE_SPIN, 8);
IS(USERBLK_FEATURE_SERVERS, 16);
IS(USERBLK_FEATURE_EMPTY_UNTIL_SERVED, 32);
IS(USERBLK_FEATURE_DISKSEQ, 64);
IS(USERBLK_FEATURE_WAKE, 128);
IS(USERBLK_FEATURE_STORE_CLASS, 256);
IS(USERBLK_STORE_PROCESS, 0);
IS(USERBLK_STORE_FENCED, 1);
IS(USERBLK_STORE_UNFENCED, 2);
IS(USERBLK_GET, 0xc020b710);
IS(USERBLK_ACTION_COMPLETE, 0);
IS(USERBLK_ACTION_FETCH, 1);
IS(USERBLK_ACTION_STORE, 2);
IS(USERBLK_ACTION_GIVE_BACK, 3);
IS(USERBLK_ACTION_ADOPT, 4);
IS(USERBLK_ACTION_REDIRECT, 5);
IS(USERBLK_PUT, 0xc018b711);
IS(USERBLK_SERVE, 0xc038b712);
IS(USERBLK_RESET_DEAD, 0);
IS(USERBLK_RESET_PID, 1);
IS(USERBLK_RESET_OLDER, 2);
IS(USERBLK_RESET_ID, 3);
IS(USERBLK_RESET_ALL, 4);
IS(USERBLK_RESET_FENCED, 1);
IS(USERBLK_RESET_FORCED, 2);
IS(USERBLK_RESET, 0xc020b713);
IS(USERBLK_TAKEN_ORPHAN, 1);
IS(USERBLK_STATE_NEW, 0);
IS(USERBLK_STATE_SERVED, 1);
IS(USERBLK_INFO, 0xc1a0b714);
IS(USERBLK_RESIZE, 0x4010b715);
IS(USERBLK_WAKE_ALL, 0xffffffff);
IS(USERBLK_WAKE, 0x4008b716);
