/* Echo questions of callers that wait for the answer. */
#ifndef CELL_DATAPATH_SERVICE_PING_H
#define CELL_DATAPATH_SERVICE_PING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/run/cell.h"
#include "datapath/allowed.h"
#include "datapath/echo.h"

enum {
    DATAPATH_PING_WAITING = 16, /* at once; more are refused: nobody floods others through us */
};

struct datapath_shell;

struct datapath_ping_one {
    struct datapath_shell *shell;
    struct cell_call *call;      /* NULL: the place is free */
    uint8_t who[DATAPATH_ALLOWED_V6];
    size_t size;
    uint8_t token[DATAPATH_ECHO_TOKEN];
    uint64_t sent_us;
};

struct datapath_ping {
    uint32_t waiting;
    struct datapath_ping_one one[DATAPATH_PING_WAITING];
};

/* Ask `who` (an inner address of `size` bytes) and keep the call until the answer is there, or nobody waits for it.
 * ERR_LATER; ERR_NOT_FOUND: no peer has the address; ERR_UNAVAILABLE: nobody knows where the peer is; ERR_PRECONDITION: the
 * interface has no address of that family that we know; ERR_LIMIT. */
enum err datapath_service_ping_ask(struct datapath_shell *s, struct cell_call *call, const uint8_t *who, size_t size) MUST_CHECK;

/* A packet came in: true if somebody waited for it, and nobody else is to see it. */
bool datapath_service_ping_take(struct datapath_shell *s, const uint8_t *packet, size_t size);

#endif
