/* SPDX-License-Identifier: MIT */
/* model.h, which is included ahead of everything, has what is needed. */
