/* Where in the host's control groups this node may have a directory of its own. */
#ifndef CELL_NUCLEUS_CGROUP_TREE_H
#define CELL_NUCLEUS_CGROUP_TREE_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CGROUP_TREE_PATH = 1024,
};

/* Our directory in a hierarchy that has one controller; empty path: there is none. */
struct cgroup_tree {
    char path[CGROUP_TREE_PATH];
    bool is_unified; /* version 2 */
};

/* Make the directory `name` wherever it can hold limits. Version 2 is tried first: our own group, which
 * a systemd unit with Delegate= is given; for root also the top of the hierarchy. Version 2 allows
 * processes in leaves only, so in a group of our own this process and its parent (the guard) step aside
 * into a leaf beside. Then version 1, below our own group. */
void cgroup_tree_find(const char *name, struct cgroup_tree *ret_memory, struct cgroup_tree *ret_cpu);

/* Leave the leaf again, if we are in one; our directory is gone by then. */
void cgroup_tree_leave(void);

/* Write `text` to a file of a group; the second where the kernel need not have it, which is a line of the
 * log at most; read the number after `key` in one ("" the first), 0 when it cannot
 * be read. */
enum err cgroup_tree_put(const char *dir, const char *file, const char *text) MUST_CHECK;
void cgroup_tree_try(const char *dir, const char *file, const char *text);
uint64_t cgroup_tree_number(const char *dir, const char *file, const char *key);

/* What /proc/<pid>/cgroup says; NULL: nothing can be read. free it. */
char *cgroup_tree_groups(int32_t pid);

/* Path in the hierarchy that `groups` (NULL: none) lists with these controllers ("memory"), or in the
 * unified one (""). false: not listed, or outside of what we see; `out` is undefined then. */
bool cgroup_tree_in(const char *groups, const char *controllers, char out[CGROUP_TREE_PATH]);

/* Both in one, for a single question about `pid`. */
bool cgroup_tree_of(int32_t pid, const char *controllers, char out[CGROUP_TREE_PATH]);

#endif
