/* The inside of the doors, shared by door.c (requests), door_send.c (answers, connections) and
 * door_listen.c (sockets and rights). */
#ifndef CELL_COMMON_RUN_DOOR_CORE_H
#define CELL_COMMON_RUN_DOOR_CORE_H

#include <nng/nng.h>
#include <stdatomic.h>

#include "common/run/call.h"
#include "common/run/host.h"

enum {
    DOOR_MAX = 256,               /* callers of one cell, the operator included               */
    DOOR_CONNECTIONS_MAX = 1024,  /* at once; each costs nng about 10 KiB                     */
    DOOR_BUCKETS = 256,           /* of connections by pipe                                   */
    DOOR_PEERS_MAX = DOOR_CONNECTIONS_MAX + 64, /* remembered; those that are gone go when full */
    DOOR_PER_TURN = 64,           /* messages taken before timers and others get their turn   */
    DOOR_SEND_BUFFER = 1024,      /* messages nng holds for all connections                   */
    DOOR_WINDOW = 64,             /* answers nng holds for one: it would drop the next        */
    DOOR_HELD_MAX = 8192,         /* answers we hold for one: what a cell may have asked      */
    DOOR_HELD_BYTES = 1 << 20,    /* of them; or this many times limits.message:              */
    DOOR_HELD_MESSAGES = 4,
    DOOR_LOOK_US = 1000,          /* nng's statistics are not read more often than this       */
    DOOR_PACE_MIN_MS = 1,
    DOOR_PACE_MAX_MS = 50,
    DOOR_INSPECT_RESERVE = 16,    /* calls that only inspection may use when a cell is full   */
    DOOR_SHED_MS = 20,            /* a refused caller is asked to come back after             */
    DOOR_ARENA_FACTOR = 16,       /* memory of a parsed request over its size on the wire     */
    DOOR_ARENA_MIN = 1 << 20,
};

struct door_caller {
    int listener_id;
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    char path[HOST_PATH_SIZE];
    bool is_operator;
    struct name_op *granted;
    size_t granted_count;
    uint64_t requests;
};

/* An answer that waits until its caller has read others. */
struct door_answer {
    struct door_answer *next;
    nng_msg *message;
};

/* One connection. */
struct door_peer {
    struct door_peer *next; /* in its bucket                                  */
    uint32_t pipe;
    uint32_t uid;
    int32_t pid;
    int door;
    bool is_allowed;
    bool is_cut;            /* disconnected by us                             */
    uint64_t handed;        /* answers given to nng                           */
    uint64_t written;       /* of these, to the socket, when last looked      */
    struct door_answer *first;
    struct door_answer *last;
    size_t held_count;
    size_t held_bytes;
};

struct door {
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    struct door_caller callers[DOOR_MAX];
    size_t caller_count;
    struct door_peer *peers[DOOR_BUCKETS];
    size_t peer_count;
    size_t held_count;           /* answers that wait, of all connections */
    struct loop_timer *pace_timer;
    uint32_t pace_ms;            /* 0: not armed */
    uint64_t looked_us;
    struct cell_call *live;      /* list of calls that wait for their answer */
    struct cell_call *spare;     /* freed ones, with their arena             */
    uint32_t live_count;
    uint32_t expired_count;      /* of these: answered with TIMEOUT, their handler holds on */
    struct hist window;
    struct door_numbers numbers;
    atomic_uint connections;
    atomic_ullong refused;
};

/* On the loop: take what has arrived; and end calls whose deadline has passed. */
void door_on_readable(void *context, unsigned bits);
void door_on_deadline(void *context);
void door_batch_put(struct call_batch *batch);
/* Answer for the handler, which holds on to a call that nobody waits for. */
void door_void(struct cell_call *call, enum err e, const char *text);

/* The connection a message came over; NULL when it is gone already, or without memory. Lives until
 * the next call at least. */
struct door_peer *door_peer_get(struct door *door, nng_pipe pipe);

/* Send answers to where `header`, the header of their request, says. */
void door_send(struct cell *cell, const uint8_t *header, size_t header_len,
               const Cell__Envelope__Replies *replies);
enum err door_send_open(struct cell *cell) MUST_CHECK;
void door_send_close(struct door *door); /* accepts a half-open door; nng's socket is closed */

#endif
