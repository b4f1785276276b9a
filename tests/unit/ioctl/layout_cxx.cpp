// SPDX-License-Identifier: MIT
#include "layout.h"
