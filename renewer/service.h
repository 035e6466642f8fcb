/* The renewer's operation, for the operator. */
#ifndef CELL_RENEWER_SERVICE_H
#define CELL_RENEWER_SERVICE_H

#include "common/run/cell.h"

enum err renewer_service_state(void *state, struct cell_call *call, const void *request);

#endif
