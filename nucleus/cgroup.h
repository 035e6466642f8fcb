/* Memory and CPU limits by control group, where the host lets us have groups: version 2 with the
 * controllers delegated, or version 1 hierarchies. Without them the rlimits of the jail hold alone, and
 * the log says so (NUCLEUS-GROUPS at the start, NUCLEUS-CPU-LIMIT for a limit that nothing can keep).
 *
 * A process is born in its group: whatever it starts is in there too, and nobody waits for a move. */
#ifndef CELL_NUCLEUS_CGROUP_H
#define CELL_NUCLEUS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/base/name.h"
#include "common/run/jail.h"

enum {
    CGROUP_NAME_SIZE = 2 * NAME_SIZE + 40, /* namespace.cell.instance-number */
};

/* A new group, open for one process to be born in. */
struct cgroup_seat {
    char name[CGROUP_NAME_SIZE]; /* "": no limit asked for one */
    struct jail_group group[JAIL_GROUPS_MAX];
    size_t group_count;
};

/* Find out what this host offers and make the group that holds ours, named after run_dir; remove empty
 * ones that an earlier nucleus left. Never fails: without any, cgroup_has says so. */
void cgroup_open(const char *run_dir);

bool cgroup_has_memory(void);
bool cgroup_has_cpu(void);

/* Make a group for a process with these limits, 0: none; without any limit none is made. Its name is
 * `label` (a path component) and a number that no other group of ours has. memory_bytes > 0 needs
 * cgroup_has_memory, cpu > 0 cgroup_has_cpu. ERR_IO and the like: nothing was made. Close the seat once
 * the process runs, or remove the group when it does not. About 0.2 ms. */
enum err cgroup_make(const char *label, uint64_t memory_bytes, double cpu, struct cgroup_seat *ret)
    MUST_CHECK;
void cgroup_seat_close(struct cgroup_seat *seat);

/* Name of our group that `pid` is in, for a process that an earlier nucleus started (before cgroup_open);
 * "" when there is none. */
void cgroup_of(int32_t pid, char ret[CGROUP_NAME_SIZE]);

/* Whether the kernel killed a process of this group because there was no memory left for it. */
bool cgroup_ran_out(const char *name);

/* Remove a group whose process has ended; "" and one that is not there are fine. One that is not empty
 * yet is tried again with the next. */
void cgroup_remove(const char *name);

/* Remove the group that held ours, and undo what it needed. */
void cgroup_close(void);

#endif
