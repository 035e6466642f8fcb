/* cell-guard: the nucleus's tiny parent. A subreaper that restarts the nucleus and nothing else:
 * while it lives, cells orphaned by a nucleus crash are its children, so that their exit status is
 * not lost, and the next nucleus can adopt them. */
#ifndef CELL_NUCLEUS_GUARD_H
#define CELL_NUCLEUS_GUARD_H

#include <stdint.h>

enum {
    GUARD_REPORT_FD = 3, /* where the nucleus finds its end of the report channel   */
    GUARD_LOCK_FD = 4,   /* the node's lock: held as long as guard or nucleus lives */
    GUARD_DOORS_FD = 5,  /* its listening sockets, GUARD_DOORS of them: a successor's only */
    GUARD_DOORS = 3,
    GUARD_LAST_FD = GUARD_DOORS_FD + GUARD_DOORS - 1,
};

/* The listening sockets, in the order they are handed over. */
enum guard_door {
    GUARD_DOOR_OPERATOR,
    GUARD_DOOR_CELLS,
    GUARD_DOOR_GAP,
};

/* What guard and nucleus tell each other, one packet each. */
enum guard_report_kind {
    GUARD_REAPED = 1, /* to the nucleus: pid ended with `status` as waitpid gives it */
    GUARD_SERVING,    /* to the guard: the first start succeeded, so restart me      */
    GUARD_ENDING,     /* to the guard: going down on request, do not restart me      */
    GUARD_KEEP,       /* to the guard, with GUARD_DOORS descriptors: hold these for my
                       * successor. Who connects meanwhile waits instead of being refused,
                       * and the sockets keep their names in every cell's view            */
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
