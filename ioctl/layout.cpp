// SPDX-License-Identifier: MIT
// The layout of the ABI, in exact numbers, the same for 32 and 64 bit programs.
// What is here was fixed when it was first released: it may only grow.
#include "ioctl/userblk_ioctl.h"

#include <cstddef>

static_assert(sizeof(userblk_config) == 160);
static_assert(offsetof(userblk_config, size) == 0);
static_assert(offsetof(userblk_config, flags) == 8);
static_assert(offsetof(userblk_config, queue_limit_ns) == 16);
static_assert(offsetof(userblk_config, logical_block_size) == 24);
static_assert(offsetof(userblk_config, physical_block_size) == 28);
static_assert(offsetof(userblk_config, io_min) == 32);
static_assert(offsetof(userblk_config, io_opt) == 36);
static_assert(offsetof(userblk_config, max_transfer) == 40);
static_assert(offsetof(userblk_config, chunk_size) == 44);
static_assert(offsetof(userblk_config, discard_granularity) == 48);
static_assert(offsetof(userblk_config, queues) == 52);
static_assert(offsetof(userblk_config, depth) == 56);
static_assert(offsetof(userblk_config, delivery_limit) == 60);
static_assert(offsetof(userblk_config, uid) == 64);
static_assert(offsetof(userblk_config, gid) == 68);
static_assert(offsetof(userblk_config, mode) == 72);
static_assert(offsetof(userblk_config, number) == 76);
static_assert(offsetof(userblk_config, reserved) == 80);
static_assert(offsetof(userblk_config, name) == 96);

static_assert(sizeof(userblk_remove) == 8);
static_assert(offsetof(userblk_remove, number) == 0);
static_assert(offsetof(userblk_remove, flags) == 4);

static_assert(sizeof(userblk_list_entry) == 88);
static_assert(offsetof(userblk_list_entry, size) == 0);
static_assert(offsetof(userblk_list_entry, flags) == 8);
static_assert(offsetof(userblk_list_entry, number) == 16);
static_assert(offsetof(userblk_list_entry, reserved) == 20);
static_assert(offsetof(userblk_list_entry, name) == 24);

static_assert(sizeof(userblk_list) == 32);
static_assert(offsetof(userblk_list, entries) == 0);
static_assert(offsetof(userblk_list, features) == 8);
static_assert(offsetof(userblk_list, count) == 16);
static_assert(offsetof(userblk_list, total) == 20);
static_assert(offsetof(userblk_list, entry_size) == 24);
static_assert(offsetof(userblk_list, first) == 28);

static_assert(sizeof(userblk_request) == 64);
static_assert(offsetof(userblk_request, id) == 0);
static_assert(offsetof(userblk_request, offset) == 8);
static_assert(offsetof(userblk_request, payload) == 16);
static_assert(offsetof(userblk_request, addr) == 24);
static_assert(offsetof(userblk_request, room) == 32);
static_assert(offsetof(userblk_request, length) == 36);
static_assert(offsetof(userblk_request, op) == 40);
static_assert(offsetof(userblk_request, queue) == 42);
static_assert(offsetof(userblk_request, flags) == 44);
static_assert(offsetof(userblk_request, deliveries) == 48);
static_assert(offsetof(userblk_request, result) == 52);
static_assert(offsetof(userblk_request, reserved) == 56);

static_assert(sizeof(userblk_get) == 32);
static_assert(offsetof(userblk_get, requests) == 0);
static_assert(offsetof(userblk_get, timeout_ns) == 8);
static_assert(offsetof(userblk_get, request_size) == 16);
static_assert(offsetof(userblk_get, count) == 20);
static_assert(offsetof(userblk_get, queue) == 24);
static_assert(offsetof(userblk_get, flags) == 28);

static_assert(sizeof(userblk_answer) == 64);
static_assert(offsetof(userblk_answer, id) == 0);
static_assert(offsetof(userblk_answer, addr) == 8);
static_assert(offsetof(userblk_answer, offset) == 16);
static_assert(offsetof(userblk_answer, length) == 24);
static_assert(offsetof(userblk_answer, action) == 28);
static_assert(offsetof(userblk_answer, flags) == 30);
static_assert(offsetof(userblk_answer, status) == 32);
static_assert(offsetof(userblk_answer, fd) == 36);
static_assert(offsetof(userblk_answer, result) == 40);
static_assert(offsetof(userblk_answer, reserved0) == 44);
static_assert(offsetof(userblk_answer, reserved) == 48);

static_assert(sizeof(userblk_put) == 24);
static_assert(offsetof(userblk_put, answers) == 0);
static_assert(offsetof(userblk_put, answer_size) == 8);
static_assert(offsetof(userblk_put, count) == 12);
static_assert(offsetof(userblk_put, failed) == 16);
static_assert(offsetof(userblk_put, flags) == 20);

static_assert(sizeof(userblk_serve) == 56);
static_assert(offsetof(userblk_serve, put) == 0);
static_assert(offsetof(userblk_serve, get) == 24);

static_assert(sizeof(userblk_reset) == 32);
static_assert(offsetof(userblk_reset, id) == 0);
static_assert(offsetof(userblk_reset, age_ns) == 8);
static_assert(offsetof(userblk_reset, which) == 16);
static_assert(offsetof(userblk_reset, pid) == 20);
static_assert(offsetof(userblk_reset, flags) == 24);
static_assert(offsetof(userblk_reset, count) == 28);

static_assert(sizeof(userblk_taken) == 48);
static_assert(offsetof(userblk_taken, id) == 0);
static_assert(offsetof(userblk_taken, offset) == 8);
static_assert(offsetof(userblk_taken, held_ns) == 16);
static_assert(offsetof(userblk_taken, length) == 24);
static_assert(offsetof(userblk_taken, op) == 28);
static_assert(offsetof(userblk_taken, flags) == 30);
static_assert(offsetof(userblk_taken, pid) == 32);
static_assert(offsetof(userblk_taken, deliveries) == 36);
static_assert(offsetof(userblk_taken, reserved) == 40);

static_assert(sizeof(userblk_info) == 416);
static_assert(offsetof(userblk_info, config) == 0);
static_assert(offsetof(userblk_info, features) == 160);
static_assert(offsetof(userblk_info, taken_list) == 168);
static_assert(offsetof(userblk_info, taken_count) == 176);
static_assert(offsetof(userblk_info, taken_size) == 180);
static_assert(offsetof(userblk_info, state) == 184);
static_assert(offsetof(userblk_info, openers) == 188);
static_assert(offsetof(userblk_info, queued) == 192);
static_assert(offsetof(userblk_info, taken) == 200);
static_assert(offsetof(userblk_info, orphaned) == 208);
static_assert(offsetof(userblk_info, oldest_queued_ns) == 216);
static_assert(offsetof(userblk_info, oldest_taken_ns) == 224);
static_assert(offsetof(userblk_info, reads) == 232);
static_assert(offsetof(userblk_info, writes) == 240);
static_assert(offsetof(userblk_info, flushes) == 248);
static_assert(offsetof(userblk_info, discards) == 256);
static_assert(offsetof(userblk_info, write_zeroes) == 264);
static_assert(offsetof(userblk_info, bytes_read) == 272);
static_assert(offsetof(userblk_info, bytes_written) == 280);
static_assert(offsetof(userblk_info, errors) == 288);
static_assert(offsetof(userblk_info, gets) == 296);
static_assert(offsetof(userblk_info, resets) == 304);
static_assert(offsetof(userblk_info, put_back) == 312);
static_assert(offsetof(userblk_info, given_back) == 320);
static_assert(offsetof(userblk_info, stale) == 328);
static_assert(offsetof(userblk_info, expired) == 336);
static_assert(offsetof(userblk_info, exhausted) == 344);
static_assert(offsetof(userblk_info, reserved) == 352);

static_assert(sizeof(userblk_resize) == 16);
static_assert(offsetof(userblk_resize, size) == 0);
static_assert(offsetof(userblk_resize, flags) == 8);
static_assert(offsetof(userblk_resize, reserved) == 12);
static_assert(USERBLK_CREATE == 0xc0a0b700);
static_assert(USERBLK_REMOVE == 0x4008b701);
static_assert(USERBLK_LIST == 0xc020b702);
static_assert(USERBLK_GET == 0xc020b710);
static_assert(USERBLK_PUT == 0xc018b711);
static_assert(USERBLK_SERVE == 0xc038b712);
static_assert(USERBLK_RESET == 0xc020b713);
static_assert(USERBLK_INFO == 0xc1a0b714);
static_assert(USERBLK_RESIZE == 0x4010b715);
