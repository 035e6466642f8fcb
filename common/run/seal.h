/* The inner sandbox: a cell closes its own doors when it has opened what it needs. From then on
 * only the listed system calls exist for it and all its threads. */
#ifndef CELL_COMMON_RUN_SEAL_H
#define CELL_COMMON_RUN_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/cell.h"
#include "proto/inspect.pb-c.h"

enum {
    SEAL_WHY_SIZE = 160,
    SEAL_CALLS_MAX = 192,
    SEAL_PATHS_MAX = 16, /* of spec.read, and of spec.write: what Genesis may grant */
};

/* Where the sealed process may still open and create files and sockets; absolute paths that exist.
 * NULL: none. Paths and calls are borrowed for as long as seal_look may be called. */
struct seal_spec {
    const struct cell_syscall *calls; /* of the cell, beyond the loop's own */
    size_t call_count;
    const char *bind_dir;  /* create sockets here                 */
    const char *run_dir;   /* connect to sockets here             */
    const char *state_dir; /* read and write here                 */
    const char *const *read;  /* files and directories to read    */
    size_t read_count;
    const char *const *write; /* the same to read and write       */
    size_t write_count;
    bool network;          /* internet sockets allowed            */
    bool has_sockets;      /* it was handed internet sockets      */
};

/* First half, single-threaded, after `open`: drop every capability, no_new_privs, not dumpable,
 * landlock to the spec's paths. Fail-closed: any error means the process must end; `why` names the
 * step. ERR_LIMIT: more paths than SEAL_PATHS_MAX; ERR_NOT_FOUND, ERR_DENIED: one that this process
 * cannot reach; ERR_UNSUPPORTED: the kernel lacks something. */
enum err seal_enter(const struct seal_spec *spec, char why[SEAL_WHY_SIZE]) MUST_CHECK;

/* Second half, when nng's threads may already run: the seccomp filter, on all threads at once
 * (SECCOMP_FILTER_FLAG_TSYNC). */
enum err seal_filter(const struct seal_spec *spec, char why[SEAL_WHY_SIZE]) MUST_CHECK;

/* What the kernel says about this process now; `seal_look_open` must run before seal_filter since
 * opening files is over afterwards. seal_look fills `ret` with memory that belongs to this module
 * and stays valid until the next call. */
enum err seal_look_open(void) MUST_CHECK;
void seal_look(Cell__Inspect__Sandbox *ret);

#endif
