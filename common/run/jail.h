/* The outer sandbox: everything that is decided before a program's first instruction, by the
 * nucleus, so that it holds for programs that do not cooperate. The inner one is seal.h.
 *
 * A jailed program: own user, pid, mount, ipc, uts and (unless granted) network namespaces; a root
 * directory that holds only what is listed; no capability; no_new_privs; landlock; a base seccomp
 * filter that refuses what no cell ever needs; rlimits; descriptors 0, 1, 2, 3 and nothing else.
 * A missing primitive is ERR_UNSUPPORTED with its name: the program is not started. */
#ifndef CELL_COMMON_RUN_JAIL_H
#define CELL_COMMON_RUN_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    JAIL_PATHS_MAX = 32,
    JAIL_GROUPS_MAX = 2, /* control groups: one for each controller of version 1 */
    JAIL_WHY_SIZE = 160,
};

/* A directory or file of the host that the program sees. */
struct jail_path {
    const char *outside; /* absolute, exists            */
    const char *inside;  /* absolute path in the jail   */
    bool writable;
    bool executable;
};

/* A control group that the program is born in: nothing it starts is ever outside, and nobody waits for a
 * move. A process that moves alone, itself, takes no lock of the whole host; one that is moved does, and
 * waits for a grace period of the kernel's (measured: 1 to 47 ms, against 0.2). */
struct jail_group {
    int fd;          /* version 2: its directory; version 1: its file `tasks`, open for writing */
    bool is_unified; /* version 2 */
};

struct jail_spec {
    const char *exec;        /* absolute path of the program; opened before, executed by fd     */
    const char *const *argv; /* NULL-terminated                                                 */
    uid_t uid;               /* the program runs as this user and group; when the caller is not */
    gid_t gid;               /*   root they must be its own                                     */
    const struct jail_path *paths;
    size_t path_count;
    bool network;            /* true: keep the host's network namespace */
    bool confined;           /* false: the manifest says `sandbox: none`: no namespaces, no
                              * landlock, no filter; rlimits, no_new_privs and fds still apply  */
    uint64_t memory_bytes;   /* > 0: bounds a runaway by RLIMIT_DATA and RLIMIT_AS, with room for
                              * what is reserved and not used; exact limits need a cgroup       */
    uint32_t files;          /* RLIMIT_NOFILE           */
    uint64_t log_bytes;      /* RLIMIT_FSIZE when > 0: bounds a runaway stderr                  */
    int gap_fd;              /* becomes fd 3            */
    int log_fd;              /* becomes fds 1 and 2     */
    const struct jail_group *groups; /* at most one of version 2, JAIL_GROUPS_MAX in all        */
    size_t group_count;
    const char *root_dir;    /* an existing empty directory the new root is mounted on          */
};

struct jail_started {
    pid_t pid;        /* in the caller's pid namespace          */
    int pidfd;        /* the caller owns it                     */
    uint64_t jail_us; /* clone to exec: what the sandbox costs  */
};

/* Start the program. Returns when it has been exec'd (or has failed to). Borrowed: everything in
 * `spec`. On failure `why` says which step and what is missing, nothing is left running and *ret
 * is untouched. The environment of the program is empty. */
enum err jail_start(const struct jail_spec *spec, struct jail_started *ret,
                    char why[JAIL_WHY_SIZE]) MUST_CHECK;

/* Check once that this host has every primitive: user namespaces, landlock, seccomp filters,
 * pidfds. ERR_UNSUPPORTED with the missing one's name in `why`. Used by `cell doctor` too. */
enum err jail_probe(char why[JAIL_WHY_SIZE]) MUST_CHECK;

#endif
