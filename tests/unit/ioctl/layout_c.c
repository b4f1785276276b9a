/* SPDX-License-Identifier: MIT */
#include "layout.h"

/* A file of nothing but assertions is none to -Wpedantic. */
extern int userblk_layout_c;
int userblk_layout_c;
