/* cell-guard: the nucleus's tiny parent. A subreaper that restarts the nucleus and nothing else:
 * while it lives, cells orphaned by a nucleus crash are its children, so that their exit status is
 * not lost, and the next nucleus can adopt them. */
#ifndef CELL_NUCLEUS_GUARD_H
#define CELL_NUCLEUS_GUARD_H

#include <stdint.h>

enum {
    GUARD_REPORT_FD = 3, /* where the nucleus finds its end of the report channel   */
    GUARD_LOCK_FD = 4,   /* the node's lock: held as long as guard or nucleus lives */
};

/* What guard and nucleus tell each other, one packet each. */
enum guard_report_kind {
    GUARD_REAPED = 1, /* to the nucleus: pid ended with `status` as waitpid gives it */
    GUARD_SERVING,    /* to the guard: the first start succeeded, so restart me      */
    GUARD_ENDING,     /* to the guard: going down on request, do not restart me      */
};

struct guard_report {
    uint32_t kind;
    int32_t pid;
    int32_t status;
};

/* argv as cell-guard gets it: --run DIR --state DIR --manifest FILE [--cells DIR]…
 * [--log-level LEVEL]; or --adopt PID before these, with descriptors 3 and 4 in place, to watch a
 * nucleus whose guard died. Returns the exit status: 0 the node was taken down, 1 refused or
 * failed (one line on stderr), 64 wrong usage. */
int guard_run(int argc, char **argv);

#endif
