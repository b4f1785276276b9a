// SPDX-License-Identifier: MIT
//
// The kernel interface of ublk, as far as <linux/ublk_cmd.h> of an older host lacks it. Values from
// Linux 7.3, include/uapi/linux/ublk_cmd.h; what 6.1 had is unchanged.
#pragma once

#include <linux/ioctl.h>
#include <linux/ublk_cmd.h>

#ifndef UBLK_U_CMD_GET_QUEUE_AFFINITY
#define UBLK_U_CMD_GET_QUEUE_AFFINITY _IOR('u', UBLK_CMD_GET_QUEUE_AFFINITY, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_ADD_DEV _IOWR('u', UBLK_CMD_ADD_DEV, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_DEL_DEV _IOWR('u', UBLK_CMD_DEL_DEV, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_START_DEV _IOWR('u', UBLK_CMD_START_DEV, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_STOP_DEV _IOWR('u', UBLK_CMD_STOP_DEV, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_SET_PARAMS _IOWR('u', UBLK_CMD_SET_PARAMS, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_GET_DEV_INFO _IOR('u', UBLK_CMD_GET_DEV_INFO, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_START_USER_RECOVERY _IOWR('u', UBLK_CMD_START_USER_RECOVERY, ublksrv_ctrl_cmd)
#define UBLK_U_CMD_END_USER_RECOVERY _IOWR('u', UBLK_CMD_END_USER_RECOVERY, ublksrv_ctrl_cmd)
#endif

#ifndef UBLK_U_IO_FETCH_REQ
#define UBLK_U_IO_FETCH_REQ _IOWR('u', UBLK_IO_FETCH_REQ, ublksrv_io_cmd)
#define UBLK_U_IO_COMMIT_AND_FETCH_REQ _IOWR('u', UBLK_IO_COMMIT_AND_FETCH_REQ, ublksrv_io_cmd)
#define UBLK_U_IO_NEED_GET_DATA _IOWR('u', UBLK_IO_NEED_GET_DATA, ublksrv_io_cmd)
#endif

#ifndef UBLK_F_UNPRIVILEGED_DEV
#define UBLK_F_UNPRIVILEGED_DEV (1UL << 5)
#endif

#ifndef UBLK_F_CMD_IOCTL_ENCODE
#define UBLK_F_CMD_IOCTL_ENCODE (1UL << 6)
#endif

// Offset in /dev/ublkcN where a request's data are read and written, since Linux 6.5.
#ifndef UBLK_F_USER_COPY
#define UBLK_F_USER_COPY (1UL << 7)
#define UBLK_IO_BUF_BITS 25
#define UBLK_TAG_OFF UBLK_IO_BUF_BITS
#define UBLK_TAG_BITS 16
#define UBLK_QID_OFF (UBLK_TAG_OFF + UBLK_TAG_BITS)
#define UBLK_QID_BITS 12
#define UBLK_MAX_NR_QUEUES (1U << UBLK_QID_BITS)
#endif

#ifndef UBLK_FEATURES_LEN
#define UBLK_U_CMD_GET_FEATURES _IOR('u', 0x13, ublksrv_ctrl_cmd)
#define UBLK_FEATURES_LEN 8
#endif

// Since Linux 6.16: the pages of a request become a registered buffer of the server's io_uring.
#ifndef UBLK_F_AUTO_BUF_REG
#define UBLK_F_AUTO_BUF_REG (1ULL << 11)
#endif

// Since Linux 6.16: a task for each request of a queue, rather than one for all of them.
#ifndef UBLK_F_PER_IO_DAEMON
#define UBLK_F_PER_IO_DAEMON (1ULL << 13)
#endif

// Since Linux 7.0: one command announces, delivers or answers many requests.
#ifndef UBLK_F_BATCH_IO
#define UBLK_F_BATCH_IO (1ULL << 15)
#endif
#ifndef UBLK_BATCH_F_HAS_BUF_ADDR
#define UBLK_BATCH_F_HAS_BUF_ADDR (1 << 1)
#endif

// Since Linux 7.1: a request whose pages belong to memory that the server shares with the client
// is not copied.
#ifndef UBLK_F_SHMEM_ZC
#define UBLK_F_SHMEM_ZC (1ULL << 19)
#define UBLK_IO_F_SHMEM_ZC (1U << 19)
#define UBLK_SHMEM_ZC_OFF_MASK 0xffffffffULL
#define UBLK_U_CMD_REG_BUF _IOWR('u', 0x18, ublksrv_ctrl_cmd)
#endif

#ifndef IORING_URING_CMD_MULTISHOT
#define IORING_URING_CMD_MULTISHOT (1U << 1)
#endif

namespace userblk::bench::ublk {

/// A command as in Linux 6.12: its buffer may begin with the path of the device's node, by which
/// the driver checks who may send it.
struct ControlCommand {
    __u32 dev_id;
    __u16 queue_id;
    __u16 len;
    __u64 addr;
    __u64 data[1];
    __u16 dev_path_len;
    __u16 pad;
    __u32 reserved;
};
static_assert(sizeof(ControlCommand) == sizeof(ublksrv_ctrl_cmd));

/// struct ublk_batch_io: a command for many requests of a queue.
struct BatchCommand {
    __u16 q_id;
    __u16 flags; ///< UBLK_BATCH_F_…
    __u16 nr_elem;
    __u8 elem_bytes;
    __u8 reserved;
    __u64 reserved2;
};
static_assert(sizeof(BatchCommand) == sizeof(ublksrv_io_cmd));

/// struct ublk_elem_header: one of them. An address follows it with UBLK_BATCH_F_HAS_BUF_ADDR.
struct BatchElement {
    __u16 tag;
    __u16 buf_index; ///< for the tag's next request, with UBLK_F_AUTO_BUF_REG
    __s32 result;    ///< of its last one
};
static_assert(sizeof(BatchElement) == 8);

inline constexpr auto prepare_in_batch = static_cast<unsigned>(_IOWR('u', 0x25, BatchCommand));
inline constexpr auto commit_in_batch = static_cast<unsigned>(_IOWR('u', 0x26, BatchCommand));
inline constexpr auto fetch_in_batch = static_cast<unsigned>(_IOWR('u', 0x27, BatchCommand));

/// struct ublk_shmem_buf_reg: memory to share with clients.
struct SharedRange {
    __u64 addr;
    __u64 len;
    __u32 flags;
    __u32 reserved;
};
static_assert(sizeof(SharedRange) == 24);

} // namespace userblk::bench::ublk
