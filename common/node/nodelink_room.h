/* Inside of the links: what nodelink.c (links), nodelink_ask.c (questions out) share. */
#ifndef CELL_COMMON_NODE_NODELINK_ROOM_H
#define CELL_COMMON_NODE_NODELINK_ROOM_H

#include "common/base/rate.h"
#include "common/base/rng.h"
#include "common/node/nodelink.h"

/* Bytes on their way out. */
struct nodelink_out {
    struct nodelink_out *next;
    size_t at;
    size_t size;
    bool is_part;
    uint8_t bytes[];
};

enum nodelink_stage {
    NODELINK_CONNECTING,
    NODELINK_SHAKING,
    NODELINK_UP,
};

struct nodelink_peer;

struct nodelink {
    struct nodelink *next;
    struct nodelinks *owner;
    struct nodelink_peer *peer; /* whom we ask; NULL: it asks us */
    uint32_t number;
    enum nodelink_stage stage;
    int fd;
    struct loop_watch *watch;
    struct tls *tls;
    struct pki_who who;
    struct sp_frame in;
    struct nodelink_out *first, *last;
    uint32_t out_count;  /* … without parts, which are counted … */
    uint32_t part_count;
    size_t part_bytes;
    uint32_t open; /* questions taken and not answered */
    uint64_t since_us; /* of the stage                                        */
    uint64_t used_ms;  /* when a message was whole, either way                */
    bool is_busy;      /* its bytes are being taken apart: not to be freed now */
    bool is_over;
    unsigned want; /* of the handshake: what it waits for         */
    bool is_held;  /* its next step waits: too many are taken now */
};

struct nodelink_question {
    struct nodelink_question *next;
    uint32_t id;
    bool is_sent;
    uint64_t until_ms;
    uint64_t patient_until_ms; /* unless it is sent */
    bool (*part)(void *context, const uint8_t *body, size_t size);
    nodelink_done done;
    void *context;
    struct nodelink_out *out; /* until it is sent */
};

struct nodelink_peer {
    struct nodelink_peer *next;
    uint8_t id[NODE_ID_LEN];
    bool is_urgent; /* its urgent questions: another link */
    struct sealed_address at;
    struct nodelink *link;
    struct nodelink_question *first; /* in the order they were asked */
    uint32_t in_flight, streams; /* sent: those with one answer, those with parts */
    uint32_t busy; /* callbacks about it run: not to be forgotten now */
    uint32_t retry_ms;
    uint64_t next_try_ms;
    uint64_t used_ms;
    struct nodelink_peer_numbers numbers;
};

struct nodelinks {
    struct loop *loop;
    struct nodelink_config config;
    struct loop_watch *listen_watch;
    struct loop_timer *timer;
    uint64_t due_ms;
    struct nodelink *links; /* all of them */
    struct nodelink_peer *peers;
    uint32_t peer_count, last_number, last_id, shaking;
    bool is_closing;
    struct rate steps;
    struct rng rng;
    struct nodelink_numbers numbers;
};

/* ---- nodelink.c --------------------------------------------------------------------------------- */

/* Look at everything at `due_ms`, if not before. */
void nodelink_soon(struct nodelinks *l, uint64_t due_ms);
/* Begin to connect; false: `why` of the peer says what is wrong. */
bool nodelink_connect(struct nodelinks *l, struct nodelink_peer *p);
/* Give bytes to a link that is up; it takes them. False: the link has ended. */
bool nodelink_put(struct nodelink *k, struct nodelink_out *out);
/* Bytes with a frame of the tcp mapping: length, `trace`, body. NULL without memory. */
struct nodelink_out *nodelink_frame(const uint8_t *trace, size_t trace_len, const uint8_t *body, size_t size);
void nodelink_end(struct nodelink *k);

/* ---- nodelink_ask.c ----------------------------------------------------------------------------- */

/* The peer's link is up: send what waits. */
void nodelink_ask_flush(struct nodelink_peer *p);
/* It ended. `why`: "" when it simply did. */
void nodelink_ask_lost(struct nodelinks *l, struct nodelink_peer *p, bool was_up, const char *why);
void nodelink_ask_take(struct nodelink_peer *p, uint32_t id, const uint8_t *body, size_t size);
/* What is due: deadlines, attempts. Calls nodelink_soon for what is not. */
void nodelink_ask_look(struct nodelinks *l, uint64_t now_ms);
void nodelink_ask_close(struct nodelinks *l);

#endif
