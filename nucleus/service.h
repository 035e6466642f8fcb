/* Handlers of nucleus.proto: see there for what each does; all follow cell_op.handle. */
#ifndef CELL_NUCLEUS_SERVICE_H
#define CELL_NUCLEUS_SERVICE_H

#include "nucleus/shell.h"

enum err service_status(void *state, struct cell_call *call, const void *request);
enum err service_apply(void *state, struct cell_call *call, const void *request);
enum err service_start(void *state, struct cell_call *call, const void *request);
enum err service_stop(void *state, struct cell_call *call, const void *request);
enum err service_restart(void *state, struct cell_call *call, const void *request);
enum err service_scale(void *state, struct cell_call *call, const void *request);
enum err service_resolve(void *state, struct cell_call *call, const void *request);
enum err service_heartbeat(void *state, struct cell_call *call, const void *request);
enum err service_down(void *state, struct cell_call *call, const void *request);

#endif
