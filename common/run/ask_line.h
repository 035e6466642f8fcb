/* The ways to an endpoint: envelopes, their connections, and what moves requests from the socket to
 * shared memory. See ask_core.h. */
#ifndef CELL_COMMON_RUN_ASK_LINE_H
#define CELL_COMMON_RUN_ASK_LINE_H

#include "common/run/call.h"
#include "common/run/host.h"

struct ask_endpoint;
struct ask_request;

/* How envelopes get to an endpoint. */
enum ask_way {
    ASK_IPC, /* always kept while the endpoint is used: where requests go when there is no channel */
    ASK_SHM,
    ASK_WAYS,
    ASK_NOWAY = ASK_WAYS, /* not now */
};

/* One envelope on its way. Request i has the id i + 1: id 0 names the message as a whole. */
struct ask_message {
    struct ask_message *next;
    struct ask_endpoint *endpoint;
    uint32_t id;
    enum ask_way way;
    uint32_t epoch; /* which connection took it     */
    uint32_t count;
    uint32_t left;  /* requests that have not ended */
    size_t bytes;
    struct ask_request *request[]; /* NULL: ended   */
};

/* A word about a request that was sent. */
struct ask_note {
    uint32_t message;
    uint32_t id;
    uint32_t credit; /* 0: cancelled */
};

/* A connection of some kind. It connects by itself and says so with ask_link_up, ask_link_lost,
 * ask_link_take. All functions run on the loop. */
struct ask_wire;
struct ask_transport {
    const char *kind; /* "ipc", "shm" */
    enum err (*open)(struct ask_endpoint *e, struct ask_wire **ret); /* NULL: opens itself */
    void (*close)(struct ask_wire *wire);
    void (*hurry)(struct ask_wire *wire); /* somebody is there again: no reason to wait for the next attempt; may be NULL */
    bool (*is_up)(const struct ask_wire *wire); /* somebody is connected                  */
    /* … and takes a message; ask_flush comes again every turn. */
    bool (*is_ready)(struct ask_wire *wire);
    /* Room for message `id`; NULL: not now, or without memory. Then commit: false: not now, the room is
     * gone. */
    uint8_t *(*reserve)(struct ask_wire *wire, uint32_t id, size_t size);
    bool (*commit)(struct ask_wire *wire, uint32_t id);
    /* Number of the present connection, for ask_link_lost. */
    uint32_t (*epoch)(const struct ask_wire *wire);
};
extern const struct ask_transport ask_ipc_transport;
extern const struct ask_transport ask_shm_transport;

/* One way to an endpoint. */
struct ask_line {
    const struct ask_transport *transport;
    struct ask_wire *wire; /* NULL: none is kept open */
    struct ask_note *notes; /* about requests that went this way */
    size_t note_count, note_room;
    uint32_t out;           /* messages on their way             */
};

/* From the socket to shared memory. */
struct ask_upgrade {
    uint32_t id;      /* of the Connect that waits for its answer; 0: none */
    uint32_t epoch;   /* channels so far                                   */
    uint64_t next_ms; /* not before                                        */
    uint32_t wait_ms;
    uint64_t move_ms; /* a new channel takes messages from then on at the latest; 0: it does */
    char why[96];     /* there is none; "": there is, or nobody has asked  */
};

/* ---- ask_link.c -------------------------------------------------------------------------------- */

/* Send what waits, as few messages as possible. */
void ask_link_flush(struct ask_endpoint *e, uint64_t now_ms);
/* Take a sent request out of its message. */
void ask_link_detach(struct ask_request *r);
/* Say something about a sent request; credit 0: it is cancelled. */
void ask_link_note(struct ask_endpoint *e, const struct ask_request *r, uint32_t credit);
/* From a transport: somebody is connected; connections up to number `epoch` are gone, is_dead: and the
 * process behind them; a message. */
void ask_link_up(struct ask_endpoint *e, enum ask_way way);
void ask_link_lost(struct ask_endpoint *e, enum ask_way way, uint32_t epoch, bool is_dead);
void ask_link_take(struct ask_endpoint *e, uint32_t id, const uint8_t *data, size_t size);

/* ---- ask_channel.c ----------------------------------------------------------------------------- */

/* It is used: ask the supervisor for a channel, if that is due. */
void ask_channel_consider(struct ask_endpoint *e, uint64_t now_ms);
/* What it says; *fd is taken if it is of use. */
void ask_channel_hear(struct cell *cell, const Cell__Gap__Channel *channel, int *fd);
/* Fill kind and reason. */
void ask_channel_describe(const struct ask_endpoint *e, struct cell_call *call,
                          Cell__Inspect__Connection *one);

#endif
