/* Requests in: what the frame of a process does with its doors. Not installed. */
#ifndef CELL_COMMON_RUN_DOOR_H
#define CELL_COMMON_RUN_DOOR_H

#include "common/run/host.h"

/* Open what carries the messages, cell->wire (nng starts its threads). ERR_NOMEM, ERR_IO. */
enum err door_open(struct cell *cell) MUST_CHECK;

/* Add a listener at `path` (at most SP_PATH_MAX characters). space and name: the cell whose door it
 * is; both "" for the operator's. `operations` say what it may call ("greeter.Greet", "greeter.*");
 * ignored for the operator. ERR_LIMIT, ERR_EXISTS (somebody listens there), ERR_IO. */
enum err door_listen(struct cell *cell, const char *path, const char *space, const char *name,
                     char *const *operations, size_t operation_count) MUST_CHECK;

/* The same on a socket that listens at `path` already (taken over whatever happens), where the wire
 * can: ERR_UNIMPLEMENTED elsewhere. */
enum err door_listen_on(struct cell *cell, int fd, const char *path, const char *space,
                        const char *name, char *const *operations, size_t operation_count)
    MUST_CHECK;

/* Change what an existing door's caller may call; false: there is no such door. */
bool door_regrant(struct cell *cell, const char *space, const char *name, char *const *operations,
                  size_t operation_count);

/* The supervisor has made a channel for one of this cell's callers: meet it over `*socket` (taken). What
 * cannot be is logged; the caller goes on over its socket. */
void door_channel_offer(struct cell *cell, const char *space, const char *name, int *socket,
                        const uint8_t *key, size_t key_size);
void door_channels_close(struct cell *cell);

/* Start receiving on the loop. */
enum err door_start(struct cell *cell) MUST_CHECK;
void door_close(struct cell *cell);

uint32_t door_calls_in_flight(const struct cell *cell);
void door_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call);

struct door_numbers {
    uint64_t requests;    /* since start, inspect included                     */
    uint64_t errors;      /* of these, answered with an error                  */
    uint64_t denied;
    uint64_t shed;        /* refused because too many were waiting             */
    uint64_t malformed;
    uint64_t dropped;     /* answers that could not be sent                    */
    uint32_t connections;
    uint64_t refused_connections;
    uint64_t window_p50_us; /* of the cell's own operations since the last reset */
    uint64_t window_p99_us;
    uint64_t window_count;
};
void door_read(struct cell *cell, struct door_numbers *ret, bool reset_window);
/* The same without what must be computed: the three of the window are 0. */
void door_glance(const struct cell *cell, struct door_numbers *ret);

#endif
