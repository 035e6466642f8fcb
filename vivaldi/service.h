/* The operations: proto/vivaldi.proto. */
#ifndef CELL_VIVALDI_SERVICE_H
#define CELL_VIVALDI_SERVICE_H

#include "common/run/cell.h"

enum {
    VIVALDI_SERVICE_LIST_MAX = 256, /* round trips or nodes in one request */
};

enum err vivaldi_service_coord(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err vivaldi_service_rtt(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err vivaldi_service_route(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err vivaldi_service_stats(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err vivaldi_service_observe(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err vivaldi_service_estimate(void *state, struct cell_call *call, const void *request) MUST_CHECK;

#endif
