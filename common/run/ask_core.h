/* The inside of requests to other cells. ask.c performs what common/client decides; ask_name.c turns
 * names into endpoints; ask_endpoint.c keeps those; ask_link.c puts requests into envelopes and takes
 * answers out; a transport carries envelopes (ask_ipc.c over a socket, ask_channel.c through shared
 * memory). */
#ifndef CELL_COMMON_RUN_ASK_CORE_H
#define CELL_COMMON_RUN_ASK_CORE_H

#include "common/client/client.h"
#include "common/run/ask_line.h"
#include "common/run/cell_ask.h"

enum {
    ASK_OUTSTANDING_MAX = 8192, /* requests of one cell without answer                          */
    ASK_ENDPOINTS_MAX = 256,    /* at once, two of an instance that is asked what is urgent, too; one that nobody uses makes room */
    ASK_BATCH_BYTES = 64 * 1024, /* of one message: beyond it nng's cost no longer shows        */
    ASK_REQUEST_OVERHEAD = 64,  /* bytes of a request around its body: numbers, trace           */
    ASK_PACKED_OVERHEAD = CALL_KEY_MAX + CALL_FROM_SIZE + NAME_SIZE, /* … of one that is passed on: key, whose it is */
    ASK_SMALL_BYTES = 192,      /* a request's body that needs no memory of its own             */
    ASK_SPARES_MAX = 64,        /* requests and messages that are kept for the next ones        */
    ASK_ARENA_FACTOR = 16,      /* memory of parsed answers over their size on the wire         */
    ASK_IDLE_MS = 60000,        /* an unused connection is closed                               */
    ASK_NAMES_MAX = 64,         /* names remembered, likewise: raft's 16 members are 32; the one used longest ago makes room */
    ASK_FRESH_MS = 1000,        /* how long a resolved list is believed without asking again    */
    ASK_START_MS = 10000,       /* for a cell that starts on demand to be ready, then once more */
    ASK_BUCKETS = 64,           /* of messages by id                                            */
    ASK_ID_BUCKETS = 1024,      /* of requests by id                                            */
    ASK_NOTES_MAX = 256,        /* words about earlier requests in one message; the rest waits  */
    ASK_CREDIT_DEFAULT = 16,    /* parts a callee may be ahead                                  */
    ASK_CHANNEL_AFTER = 8,      /* requests to an endpoint until it is worth a channel          */
    ASK_CHANNEL_PATIENCE_MS = 5000, /* until the supervisor is asked for one again              */
    ASK_CHANNEL_WAIT_MS = 50,   /* after one has ended; doubles:                                */
    ASK_CHANNEL_WAIT_MAX_MS = 10000,
    ASK_MOVE_MS = 20,           /* what was sent over the socket gets a start of, when a channel is up */
    ASK_MESSAGE_ID_MAX = 0x7fffffff, /* SP: 31 bits are the sender's                            */
};

struct ask_name;

/* Of a request whose messages this cell does not know. */
struct ask_packed {
    uint64_t schema;
    uint8_t key[CALL_KEY_MAX];
    size_t key_size;
    char from_cell[CALL_FROM_SIZE], from_node[NAME_SIZE]; /* whose it is, on another node; "" */
    void (*done)(void *context, const struct cell_packed_answer *answer);
    void (*part)(void *context, const uint8_t *body, size_t size);
    /* The answer: lent by the message that is being taken, until ask_settle. */
    const uint8_t *body;
    size_t size;
    const char *hint;
    uint32_t retry_after_ms;
    bool is_unread;
};

/* Requests in order. Zero-initialised is empty. */
struct ask_list {
    struct ask_request *first;
    struct ask_request *last;
};

/* One request. It is in exactly one place: its name's list (parked), an endpoint's (queued), a
 * message (sent), the resting ones (between two tries) or the ended ones (`done` is due). */
struct ask_request {
    struct client_ask core; /* first: effects name it */
    struct ask_request *next, *before;
    struct ask_list *list;  /* it is in; NULL while a message has it */
    struct ask_message *message;
    uint32_t index;         /* in the message */
    struct ask_request *id_next;
    struct ask_request *due_next;
    uint64_t id;
    struct client_target *target;
    struct ask_name *name;  /* it was asked by; NULL: by instance */
    struct ask_endpoint *own; /* of the target, when asked by instance */
    uint32_t operation;
    const ProtobufCMessageDescriptor *reply;
    struct ask_packed *packed; /* owned; NULL: its messages are known */
    cell_answer done;
    cell_part part;
    void *context;
    uint8_t *body; /* `small`, or malloc'd */
    size_t body_size;
    uint8_t trace[CALL_TRACE_LEN];
    bool has_trace;
    bool holds_credit;
    bool is_urgent;
    uint32_t credit;        /* granted at first                                */
    uint32_t taken;         /* parts since credit was last given               */
    enum err e;             /* of the end                                      */
    const char *text;       /* borrowed until ask_settle                       */
    ProtobufCMessage *answer;
    uint8_t small[ASK_SMALL_BYTES]; /* last: not cleared */
};

/* Whoever listens at one path; or a cell of another node behind the gateway that does: it has a connection, a
 * queue and a breaker of its own, for what fails there says nothing of the others. */
struct ask_endpoint {
    struct balance_endpoint core; /* first: effects name it */
    struct client_target own;     /* of requests by instance: this one or nobody */
    struct cell *cell;
    char path[HOST_PATH_SIZE];
    char route[NAME_REF_SIZE];    /* "": the listener itself */
    bool is_urgent;               /* what must not wait behind the others: the same listener, another connection */
    struct ask_line line[ASK_WAYS];
    struct ask_upgrade upgrade;
    struct ask_list waiting;      /* queued */
    struct ask_message *sent[ASK_BUCKETS];
    size_t batch_bytes;           /* shrinks when the callee takes less */
    uint32_t uses;                /* requests by instance, and names it is listed under */
    uint64_t used_ms;
    uint64_t requests;
};

struct asks {
    struct ask_endpoint *endpoints[ASK_ENDPOINTS_MAX];
    struct ask_name *names[ASK_NAMES_MAX];
    struct ask_request *by_id[ASK_ID_BUCKETS];
    struct ask_list resting;
    struct ask_list ended;
    struct loop_timer *timer;
    uint64_t armed_ms;
    uint64_t now_ms; /* when the loop last came in here: a clock read a step would cost more than the step */
    uint64_t next_id;
    struct arena arena; /* of the message being taken */
    struct ask_request *spare_request; /* chains: memory that goes round */
    struct ask_message *spare_message;
    uint32_t spare_requests, spare_messages;
    uint32_t next_message_id;
    uint32_t next_connect_id;
    bool is_closing;
    struct rng rng; /* seeds targets */
    struct asks_numbers numbers;
};

/* ---- ask.c ------------------------------------------------------------------------------------- */

void ask_list_add(struct ask_list *list, struct ask_request *r);
void ask_list_remove(struct ask_request *r);

/* Whoever comes in from the loop or from the cell says when. */
void ask_enter(struct asks *asks);

/* Tell the core, do what it says. */
void ask_step(struct cell *cell, struct ask_request *r, struct client_event ev);
void ask_step_kind(struct cell *cell, struct ask_request *r, enum client_event_kind kind);
/* Come back at due_ms at the latest. */
void ask_arm(struct asks *asks, uint64_t due_ms);

/* Call `done` of what has ended; it may ask again. Whoever lent a text to a request calls this before
 * the text goes. */
void ask_settle(struct cell *cell);
struct ask_request *ask_find(struct cell *cell, uint64_t id);

/* ---- ask_name.c, ask_search.c ------------------------------------------------------------------- */

/* Find out whom a request is for and say ASKED. ERR_INVALID, ERR_LIMIT, ERR_NOMEM: nothing happened. */
enum err ask_name_route(struct cell *cell, const char *target, struct ask_request *r) MUST_CHECK;
/* It parks: find out whom its name stands for. */
void ask_name_park(struct cell *cell, struct ask_request *r);
void ask_name_left(struct ask_request *r); /* it has ended */
/* The endpoint a callee's hint names, if it is another instance of what was asked; else NULL. */
struct ask_endpoint *ask_name_hint(struct cell *cell, const struct ask_request *r, const char *hint);
/* Path of what the supervisor calls `endpoint`; ERR_INVALID: it leads elsewhere or is too long. */
enum err ask_name_path(struct cell *cell, const char *endpoint, char out[HOST_PATH_SIZE]) MUST_CHECK;
/* The way back; NULL: the supervisor's own. */
const char *ask_name_endpoint(const struct cell *cell, const char *path);
void ask_name_free(struct ask_name *name);

/* ---- ask_endpoint.c ---------------------------------------------------------------------------- */

/* The endpoint at `path` for `route` ("": the listener itself), made when there is none; urgent requests have one
 * of their own. ERR_LIMIT, ERR_NOMEM. */
enum err ask_endpoint_get(struct cell *cell, const char *path, const char *route, bool is_urgent,
                          struct ask_endpoint **ret) MUST_CHECK;
/* Something waits for it: see that it has a connection, or will. */
void ask_endpoint_open(struct ask_endpoint *e);
/* Close connections that nobody has used for long; *next_ms shrinks to when the next one is due. */
void ask_endpoint_idle(struct asks *asks, uint64_t now_ms, uint64_t *next_ms);
void ask_endpoint_free(struct ask_endpoint *e);

#endif
