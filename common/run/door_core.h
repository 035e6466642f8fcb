/* The inside of the doors, shared by door.c (requests) and door_listen.c (sockets and rights). */
#ifndef CELL_COMMON_RUN_DOOR_CORE_H
#define CELL_COMMON_RUN_DOOR_CORE_H

#include <nng/nng.h>
#include <stdatomic.h>

#include "common/run/call.h"
#include "common/run/host.h"

enum {
    DOOR_MAX = 256,               /* callers of one cell, the operator included               */
    DOOR_CONNECTIONS_MAX = 1024,  /* at once; each costs nng about 10 KiB                     */
    DOOR_PEERS = 256,             /* remembered credentials, direct-mapped by pipe            */
    DOOR_PER_TURN = 64,           /* messages taken before timers and others get their turn   */
    DOOR_UNSENT_MAX = 4096,       /* answers waiting for a full socket                        */
    DOOR_SEND_BUFFER = 1024,      /* messages nng holds for us                                */
    DOOR_INSPECT_RESERVE = 16,    /* calls that only inspection may use when a cell is full   */
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

struct door_peer {
    uint32_t pipe;
    uint32_t uid;
    int32_t pid;
    int door;
    bool is_allowed;
};

/* An answer that waits for a full socket. */
struct door_unsent {
    struct door_unsent *next;
    nng_msg *message;
};

struct door {
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_watch *send_watch;
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    struct door_caller callers[DOOR_MAX];
    size_t caller_count;
    struct door_peer peers[DOOR_PEERS];
    struct cell_call *live;      /* list of calls that wait for their answer */
    struct cell_call *spare;     /* freed ones, with their arena             */
    uint32_t live_count;
    uint32_t expired_count;      /* of these: answered with TIMEOUT, their handler holds on */
    struct door_unsent *unsent_first;
    struct door_unsent *unsent_last;
    size_t unsent_count;
    struct hist window;
    struct door_numbers numbers;
    atomic_uint connections;
    atomic_ullong refused;
};

/* On the loop: take what has arrived; and end calls whose deadline has passed. */
void door_on_readable(void *context, unsigned bits);
void door_on_deadline(void *context);
void door_batch_put(struct call_batch *batch);

#endif
