/* Starting: what a person asks for, and cells that start when somebody asks for them (`start: on-demand`). */
#ifndef CELL_NUCLEUS_DEMAND_H
#define CELL_NUCLEUS_DEMAND_H

#include "nucleus/shell.h"

enum {
    DEMAND_WAITERS_MAX = 256, /* callers that wait for a cell to be ready; past it LIMIT, with a time to come back */
    DEMAND_BUSY_MS = 50,      /* that time                                                                        */
};

/* Handler of nucleus.Start. */
enum err demand_serve_start(void *state, struct cell_call *call, const void *request);

/* Something has changed: answer those whose cell is ready now, or will not be. */
void demand_look(struct shell *s);

/* Nobody waits any more: the node goes down. */
void demand_close(struct shell *s);

#endif
