/* From a spec to the list of things the child will do; everything that can be found out or go wrong
 * before there is a child. */
#ifndef CELL_COMMON_RUN_JAIL_PLAN_H
#define CELL_COMMON_RUN_JAIL_PLAN_H

#include "common/base/macros.h"
#include "common/run/jail_child.h"

/* Fill `p`, whose exec_fd, null_fd, landlock_abi and is_root are set and whose counts are zero. The
 * plan borrows from `spec`. ERR_INVALID, ERR_LIMIT, ERR_NOT_FOUND with one line in `why`. */
enum err jail_plan_fill(struct jail_plan *p, const struct jail_spec *spec, char why[JAIL_WHY_SIZE])
    MUST_CHECK;

#endif
