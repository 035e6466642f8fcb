/* Operations of the overlay: what it does, who is in it, and changing that. */
#ifndef CELL_DATAPATH_SERVICE_H
#define CELL_DATAPATH_SERVICE_H

#include "common/run/cell.h"

enum {
    DATAPATH_SERVICE_MACS = 16,      /* Ethernet addresses of one place that are told */
    DATAPATH_SERVICE_PAGE = 256, /* peers in one answer */
    DATAPATH_SERVICE_ALLOWED_MAX = 32, /* prefixes of a peer that is added */
};

/* state: a struct datapath_shell. */
enum err datapath_service_status(void *state, struct cell_call *call, const void *request);
enum err datapath_service_peers(void *state, struct cell_call *call, const void *request);
enum err datapath_service_add_peer(void *state, struct cell_call *call, const void *request);
enum err datapath_service_remove_peer(void *state, struct cell_call *call, const void *request);
enum err datapath_service_stats(void *state, struct cell_call *call, const void *request); /* service_stats.c */
enum err datapath_service_ping(void *state, struct cell_call *call, const void *request);
enum err datapath_service_capture(void *state, struct cell_call *call, const void *request); /* service_capture.c */

#endif
