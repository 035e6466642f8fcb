/* Memory and CPU limits by control group, where the host lets us have groups: version 2 with the
 * controllers delegated, or version 1 hierarchies. Without them the rlimits of the jail hold alone,
 * and `cell status` and the log say so. */
#ifndef CELL_NUCLEUS_CGROUP_H
#define CELL_NUCLEUS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

/* Find out what this host offers and make the group that holds ours, named after run_dir. Never
 * fails: without any, cgroup_has says so. */
void cgroup_open(const char *run_dir);

bool cgroup_has_memory(void);
bool cgroup_has_cpu(void);

/* Put `pid` into the group `name` (a path component) with these limits; 0 means none, and then
 * nothing is made. ERR_UNSUPPORTED: a limit is wanted that no group can hold. ERR_IO otherwise. */
enum err cgroup_enter(const char *name, int32_t pid, uint64_t memory_bytes, double cpu) MUST_CHECK;

/* Remove an empty group; one that is not there is fine. */
void cgroup_remove(const char *name);

/* Remove the group that held ours. */
void cgroup_close(void);

#endif
