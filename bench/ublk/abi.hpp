// SPDX-License-Identifier: MIT
//
// The kernel interface of ublk, as far as <linux/ublk_cmd.h> of an older host lacks it. Values from
// Linux 6.12, include/uapi/linux/ublk_cmd.h; the layout of the structures is unchanged since 6.1.
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

} // namespace userblk::bench::ublk
