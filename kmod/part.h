/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Carrying out one extent of a redirected request.
 *
 * It is tried at once, by the worker, as far as that blocks nobody; what is left
 * goes to the device's work queue, in the worker's name. Direct I/O ends in its
 * completion, maybe in an interrupt.
 */
#ifndef USERBLK_PART_H
#define USERBLK_PART_H

#include "redirect.h"

void userblk_part_init(struct userblk_part *part,
		       struct userblk_redirect *redirect);

/*
 * In the process that redirected. The part may be done when it returns. Gives
 * the ends back before anything is waited for.
 */
void userblk_part_start(struct userblk_part *part, struct userblk_ends *ends);

#endif /* USERBLK_PART_H */
