/* The inside of requests to other cells, shared by ask.c (names, deadlines) and ask_link.c
 * (connections). */
#ifndef CELL_COMMON_RUN_ASK_CORE_H
#define CELL_COMMON_RUN_ASK_CORE_H

#include <nng/nng.h>
#include <stdatomic.h>

#include "common/run/call.h"
#include "common/run/host.h"

enum {
    ASK_OUTSTANDING_MAX = 8192, /* requests of one cell without answer                          */
    ASK_LINKS_MAX = 256,        /* endpoints at once                                            */
    ASK_SEND_BUFFER = 32,       /* messages nng holds for a busy callee; the rest waits here,
                                 * where its deadline can take it back                          */
    ASK_BATCH_BYTES = 64 * 1024, /* of one message: beyond it nng's cost no longer shows        */
    ASK_REQUEST_OVERHEAD = 64,  /* bytes of a request around its body: numbers, trace           */
    ASK_IDLE_MS = 60000,        /* an unused link is closed                                     */
    ASK_RECONNECT_MIN_MS = 2,
    ASK_RECONNECT_MAX_MS = 100,
    ASK_RESOLVED_MAX = 64,      /* instances of one name that are balanced over                 */
    ASK_NAMES_MAX = 64,         /* names remembered; the one used longest ago makes room        */
    ASK_FRESH_MS = 1000,        /* how long a resolved list is believed without asking again    */
    ASK_BUCKETS = 64,           /* of messages by id                                            */
    ASK_REQUEST_ID = 1u << 31,  /* SP: the last word of the backtrace has the top bit           */
};

/* One request. It waits in a name's list, then in a link's, then belongs to a message. */
struct ask_request {
    struct ask_request *next;
    uint32_t operation;
    uint32_t name_id; /* of the name it was asked by; 0: by instance, it goes there or nowhere */
    uint64_t deadline_ms;
    const ProtobufCMessageDescriptor *reply;
    cell_answer done;
    void *context;
    uint8_t *body;
    size_t body_size;
    uint8_t trace[CALL_TRACE_LEN];
    bool has_trace;
};

/* First in, first out. Zero-initialised is empty. */
struct ask_list {
    struct ask_request *first;
    struct ask_request *last;
};

/* One envelope on its way. Request i has the id i + 1: id 0 names the message as a whole. */
struct ask_message {
    struct ask_message *next;
    uint32_t id;
    uint32_t epoch; /* which connection of the link took it */
    uint32_t count;
    uint32_t left;  /* requests that have not ended         */
    size_t bytes;
    struct ask_request *request[]; /* NULL: ended */
};

struct ask_link {
    struct cell *cell;
    char path[HOST_PATH_SIZE];
    nng_socket socket;
    struct loop_watch *watch;
    struct loop_watch *event_watch;
    struct loop_watch *send_watch; /* while nng's buffer is full                            */
    int event_fd;                  /* nng's threads say that a connection came or went      */
    atomic_uint opened;            /* connections so far: only the newest can be alive      */
    atomic_uint gone;
    struct ask_list waiting;       /* not sent yet                                          */
    struct ask_message *sent[ASK_BUCKETS];
    uint32_t sent_count;           /* requests in them that have not ended                  */
    size_t batch_bytes;            /* shrinks when the callee takes less                    */
    uint64_t used_ms;
    uint64_t requests;
    bool is_open;
};

/* A name without instance number, and what the supervisor said it stands for. */
struct ask_name {
    uint32_t id;
    char target[NAME_REF_SIZE];
    char path[ASK_RESOLVED_MAX][HOST_PATH_SIZE];
    size_t count;
    size_t turn;             /* round robin */
    uint64_t fresh_until_ms;
    uint64_t used_ms;
    bool is_resolving;
    struct ask_list waiting; /* until the supervisor has answered */
};

struct asks {
    struct ask_link *links[ASK_LINKS_MAX];
    struct ask_name *names[ASK_NAMES_MAX];
    struct loop_timer *deadline_timer;
    uint64_t deadline_armed_ms;
    uint32_t next_message_id;
    uint32_t next_name_id;
    bool is_closing;
    struct asks_numbers numbers;
};

void ask_list_add(struct ask_list *list, struct ask_request *r);

/* Move every request that is due from `list` to `due`; *next_ms shrinks to the earliest deadline
 * that is left. */
void ask_list_due(struct ask_list *list, uint64_t now_ms, struct ask_list *due, uint64_t *next_ms);

/* End requests: `done` is called and they are gone. The callback may ask again. */
void ask_finish(struct cell *cell, struct ask_request *r, enum err e, const ProtobufCMessage *reply,
                const char *text);
void ask_finish_list(struct cell *cell, struct ask_list *list, enum err e, const char *text);

/* The link to the socket at `path`, made when there is none. ERR_LIMIT, ERR_NOMEM, ERR_IO;
 * ERR_INVALID: the path is too long for a socket. */
enum err ask_link_get(struct cell *cell, const char *path, struct ask_link **ret) MUST_CHECK;
void ask_link_enqueue(struct ask_link *link, struct ask_request *r);
/* Whether it had a connection and lost it: whoever listened there may be gone for good. */
bool ask_link_is_lost(struct ask_link *link);
/* Move what was asked by this name and is not sent yet to `list`. */
void ask_link_take_back(struct ask_link *link, uint32_t name_id, struct ask_list *list);
/* Send what waits, as few messages as possible, if somebody is connected. */
void ask_link_flush(struct ask_link *link, uint64_t now_ms);
/* Take due requests out, sent or not, into the two lists. */
void ask_link_due(struct ask_link *link, uint64_t now_ms, struct ask_list *sent,
                  struct ask_list *unsent, uint64_t *next_ms);
void ask_link_cancel(struct ask_link *link);
void ask_link_close(struct ask_link *link);

#endif
