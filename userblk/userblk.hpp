// SPDX-License-Identifier: MIT
#pragma once

// Includes all of the public API.

#include "userblk/backend.hpp"
#include "userblk/backend_spec.hpp"
#include "userblk/backends/delay_backend.hpp"
#include "userblk/backends/error_backend.hpp"
#include "userblk/backends/file_backend.hpp"
#include "userblk/backends/log_backend.hpp"
#include "userblk/backends/memory_backend.hpp"
#include "userblk/backends/null_backend.hpp"
#include "userblk/backends/read_only_backend.hpp"
#include "userblk/backends/redirect_backend.hpp"
#include "userblk/backends/stats_backend.hpp"
#include "userblk/backoff.hpp"
#include "userblk/decorator.hpp"
#include "userblk/device.hpp"
#include "userblk/extents.hpp"
#include "userblk/log.hpp"
#include "userblk/pool.hpp"
#include "userblk/process_setup.hpp"
#include "userblk/run.hpp"
#include "userblk/serve_device.hpp"
#include "userblk/shared_memory.hpp"
#include "userblk/units.hpp"
#include "userblk/worker.hpp"
