// SPDX-License-Identifier: MIT
#include "race.c"
