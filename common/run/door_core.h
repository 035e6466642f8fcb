/* The inside of the doors, shared by door.c (requests), door_listen.c (sockets and rights) and the
 * wires, which carry the messages: door_nng.c (nng) and door_sp.c (the same bytes on our own loop). */
#ifndef CELL_COMMON_RUN_DOOR_CORE_H
#define CELL_COMMON_RUN_DOOR_CORE_H

#include "common/run/call.h"
#include "common/run/channel.h"
#include "common/run/door.h"

enum {
    DOOR_MAX = 256,               /* callers of one cell, the operator included               */
    DOOR_CONNECTIONS_MAX = 1024,  /* at once; each costs nng about 10 KiB                     */
    DOOR_SUPERVISED_MAX = 8192,   /* the same of the supervisor: every instance of the largest
                                   * node beats and asks                                      */
    DOOR_PER_PID_MAX = 32,        /* of them, of one cell's process: the rest is for others   */
    DOOR_HELD_MAX = 8192,         /* answers kept for a connection that does not read: what a
                                   * cell may have asked                                      */
    DOOR_HELD_BYTES = 1 << 20,    /* of them; or this many times limits.message:              */
    DOOR_HELD_MESSAGES = 4,
    DOOR_INSPECT_RESERVE = 16,    /* calls that only inspection may use when a cell is full   */
    DOOR_VITAL_MAX = 1024,        /* calls of cell_def.vital, beside all others               */
    DOOR_SHED_MS = 20,            /* a refused caller is asked to come back after             */
    DOOR_ARENA_FACTOR = 16,       /* memory of a parsed request over its size on the wire     */
    DOOR_ARENA_MIN = 1 << 20,
    DOOR_SPARES_MAX = 16,         /* batches kept for the next messages                       */
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
    uint32_t channel_count;    /* of its processes, connected through shared memory */
    uint64_t channel_messages; /* that came that way                                */
};

/* One connection, as far as its requests are concerned; a wire keeps what else it knows behind it. */
struct door_peer {
    uint32_t id;            /* first word of the header of its messages       */
    uint32_t uid;
    int32_t pid;
    int door;               /* index of its caller                            */
    bool is_allowed;
};

/* A message as it arrived; borrowed until door_take returns. */
struct door_message {
    /* Sends answers to where `header` says; NULL: the wire does. */
    void (*send)(struct cell *cell, const uint8_t *header, size_t header_len,
                 const Cell__Envelope__Replies *replies);
    const uint8_t *header;  /* id of the connection and the request's backtrace: routes the answer */
    size_t header_len;
    const uint8_t *body;
    size_t size;
};

/* What carries messages. Everything is called from the loop. */
struct door_wire {
    /* Make door->carrier. ERR_NOMEM, ERR_IO; close is called all the same. */
    enum err (*open)(struct door *door);
    /* Listen at `path` (checked) with mode 0600 from the first instant on, or on `fd` (>= 0, taken
     * over whatever happens), which listens there already. What is announced as longer than `most`
     * bytes ends its connection. ERR_EXISTS, ERR_NOMEM, ERR_IO; ERR_UNIMPLEMENTED: not on an fd. */
    enum err (*listen)(struct door *door, const char *path, int fd, size_t most, int *ret_listener);
    /* Begin to call door_take. */
    enum err (*start)(struct cell *cell);
    /* Send `replies` to where `header` says. What cannot be sent is counted as dropped. */
    void (*send)(struct cell *cell, const uint8_t *header, size_t header_len,
                 const Cell__Envelope__Replies *replies);
    void (*count)(const struct door *door, struct door_numbers *ret); /* connections, now and refused */
    void (*close)(struct door *door); /* accepts a half-open carrier; no message is carried afterwards */
};
extern const struct door_wire door_nng_wire;
extern const struct door_wire door_sp_wire;

/* Be a cell whose doors use `wire`: cell_main. Chosen where a program is linked, so that nng is no part of one without it. */
int cell_main_on(const struct cell_def *def, const struct door_wire *wire, int argc, char **argv);

struct door_channel;

/* The tables come last: what is used all the time lies together. */
struct door {
    const struct door_wire *wire;
    void *carrier;               /* the wire's */
    uint32_t channel_last;       /* number of the latest of the channels             */
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    size_t caller_count;
    struct cell_call *live;      /* list of calls that wait for their answer */
    struct cell_call *spare;     /* freed ones, with their arena             */
    struct call_batch *spare_batch; /* the same                              */
    uint32_t spare_batches;
    struct arena envelope;       /* the message that is handed out is parsed into it     */
    uint32_t live_count;
    uint32_t vital_count;        /* of these: of cell_def.vital                        */
    uint32_t expired_count;      /* of these: answered with TIMEOUT, their handler holds on */
    struct door_numbers numbers;
    struct hist window;
    struct door_caller callers[DOOR_MAX];
    struct door_channel *channels[CHANNEL_MAX]; /* of callers, through shared memory */
};

/* Take a message apart and hand its requests out. `peer` and `message` are borrowed. */
void door_take(struct cell *cell, const struct door_peer *peer, const struct door_message *message);

/* On the loop: end calls whose deadline has passed. */
void door_on_deadline(void *context);
void door_batch_put(struct call_batch *batch);
/* Answer for the handler, which holds on to a call that nobody waits for. */
void door_void(struct cell_call *call, enum err e, const char *text);

/* Who connected through `listener`, as the kernel says. False: it is no door of ours. */
bool door_admit(const struct door *door, int listener, uint32_t uid, int32_t pid,
                struct door_peer *ret);

/* Say that a connection is ended because its caller does not read: `answers` are kept for it. */
void door_tell_unread(const struct door *door, const struct door_peer *peer, size_t answers,
                      size_t bytes);

/* Bytes of answers that are kept for one connection that does not read them. */
size_t door_held_bytes(const struct cell *cell);

#endif
