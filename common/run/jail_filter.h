/* The base system call filter: what no cell ever needs, whatever it is. Refused calls fail with
 * EPERM; calls of another architecture's table end the process. */
#ifndef CELL_COMMON_RUN_JAIL_FILTER_H
#define CELL_COMMON_RUN_JAIL_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/macros.h"

/* The compiled filter, for a cell with or without the host's network. Made once, then kept for the
 * life of the process; the caller holds jail's lock. *ret is borrowed. ERR_NOMEM, ERR_UNSUPPORTED. */
enum err jail_filter_get(bool has_network, const struct sock_fprog **ret) MUST_CHECK;

#endif
