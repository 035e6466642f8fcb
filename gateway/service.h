/* What the gateway tells of its links, and of cells of other nodes. */
#ifndef CELL_GATEWAY_SERVICE_H
#define CELL_GATEWAY_SERVICE_H

#include "common/run/cell.h"

enum err gateway_service_links(void *state, struct cell_call *call, const void *request);

/* resolve.c */
enum err gateway_resolve_serve(void *state, struct cell_call *call, const void *request);

#endif
