/* SPDX-License-Identifier: MIT */
#include "layout.h"

/* -Wpedantic rejects a file of nothing but assertions. */
extern int userblk_layout_c;
int userblk_layout_c;
