/* What the greeter answers. */
#ifndef CELL_EXAMPLES_GREETER_SERVICE_H
#define CELL_EXAMPLES_GREETER_SERVICE_H

#include "common/run/cell.h"

enum {
    GREETER_NAME_MAX = 64 /* bytes of a name */
};

struct greeter_service {
    struct cell_metric *greetings;
};

/* cell_def.open: register the metric. Never fails. */
enum err greeter_service_open(struct cell *cell, void *state);

/* GREET: ERR_INVALID when the name is empty or longer than GREETER_NAME_MAX. */
enum err greeter_service_greet(void *state, struct cell_call *call, const void *request);

#endif
