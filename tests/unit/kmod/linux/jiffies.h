/* SPDX-License-Identifier: MIT */
/* model.h, which is included first, has everything needed. */
