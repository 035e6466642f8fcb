/* What the gateway tells people of its links. */
#ifndef CELL_GATEWAY_SERVICE_H
#define CELL_GATEWAY_SERVICE_H

#include "common/run/cell.h"

enum err gateway_service_links(void *state, struct cell_call *call, const void *request);

#endif
