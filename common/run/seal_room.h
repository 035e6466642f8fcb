/* Inside of the seal: what its three rooms share. seal.c gives up rights, seal_calls.c holds the
 * table of system calls, seal_look.c reads the result back from the kernel. */
#ifndef CELL_COMMON_RUN_SEAL_ROOM_H
#define CELL_COMMON_RUN_SEAL_ROOM_H

#include <seccomp.h>

#include "common/run/seal.h"

/* One call a sealed process may make, as `cell inspect` lists it. */
struct seal_call {
    int number;
    char name[32];
    const char *reason;
    const char *condition; /* NULL: whatever the arguments */
};

/* The calls in force since the last seal_filter; *ret_count 0 before. */
const struct seal_call *seal_calls_list(size_t *ret_count);

/* Put the table and the spec's calls into `filter` and remember them for seal_calls_list.
 * ERR_INVALID: a call of the spec that does not exist; ERR_LIMIT: more than SEAL_CALLS_MAX. */
enum err seal_calls_fill(scmp_filter_ctx filter, const struct seal_spec *spec,
                         char why[SEAL_WHY_SIZE]) MUST_CHECK;

/* Open what seal_look reads; before landlock. May be called again. */
enum err seal_look_prepare(void) MUST_CHECK;

enum {
    SEAL_PLACES_MAX = 2 * SEAL_PATHS_MAX + 3, /* and bind_dir, state_dir, a sanitizer's own */
};

/* A rule the kernel took. */
struct seal_place {
    const char *path;
    bool can_read;
    bool can_write; /* by the rule and by the mount */
    bool can_bind;
};

/* What seal.c found out, for seal_look.c to report. */
struct seal_facts {
    uint32_t landlock_abi;
    uint32_t landlock_layers;
    bool landlock_enforced; /* an open that only landlock can have refused was refused */
    struct seal_place place[SEAL_PLACES_MAX];
    size_t place_count;
};
const struct seal_facts *seal_facts(void);

#endif
