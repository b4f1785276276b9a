/* SPDX-License-Identifier: GPL-2.0 */
/* The control device /dev/userblk-control: creates, removes and lists devices. */
#ifndef USERBLK_CONTROL_H
#define USERBLK_CONTROL_H

int userblk_control_init(void);
void userblk_control_exit(void);

#endif /* USERBLK_CONTROL_H */
