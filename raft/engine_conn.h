/* One connection to etcd, and what all of them share. Private to engine_link.c (who asks whom) and engine_conn.c (bytes). */
#ifndef CELL_RAFT_ENGINE_CONN_H
#define CELL_RAFT_ENGINE_CONN_H

#include "raft/engine_link.h"

/* How far a connection is. */
enum raft_engine_conn_place {
    RAFT_ENGINE_CONN_CONNECTING,
    RAFT_ENGINE_CONN_SHAKING, /* TLS */
    RAFT_ENGINE_CONN_IDLE,
    RAFT_ENGINE_CONN_ASKING,  /* the question goes out, the answer comes in */
};

struct raft_engine_connection {
    struct raft_engine_connection *next, **back; /* of all */
    struct raft_engine_links *links;
    uint32_t endpoint;
    enum raft_engine_conn_place place;
    int fd;
    struct loop_watch *watch;
    struct tls *tls;             /* NULL: plain */
    uint64_t since_ms;           /* of this place */
    struct raft_engine_question *q; /* whose it is; NULL: nobody's */
    bool is_stream, is_used;     /* is_used: it has answered before */
    bool has_bytes;              /* of the answer, some came */
    char *out;                   /* head and body of the question; owned */
    size_t out_size, out_sent;
    struct raft_engine_http http;
    char *in;                    /* body of the answer, or the beginning of a line; owned */
    size_t in_size, in_room;
};

struct raft_engine_links {
    struct loop *loop;
    struct loop_timer *timer;
    struct raft_engine_link_config config;
    struct raft_engine_connection *connections;
    struct raft_engine_question *waiting, **last;
    uint32_t connection_count, stream_count, waiting_count, waiting_streams; /* stream_count: of connections */
    uint32_t best;               /* endpoint that answered last */
    bool is_closing, is_turning;
    bool is_busy;                /* the timer looks at deadlines */
    char why[RAFT_ENGINE_LINK_WHY_SIZE];
};

/* Begin one to an endpoint. NULL: *why says why. */
struct raft_engine_connection *raft_engine_conn_open(struct raft_engine_links *l, uint32_t endpoint, const char **why);

/* Write a question down for it. ERR_NOMEM. */
enum err raft_engine_conn_give(struct raft_engine_connection *c, struct raft_engine_question *q) MUST_CHECK;

/* It is up: send the question it was given. May end it. */
void raft_engine_conn_go(struct raft_engine_connection *c);

/* Take the question away from it; NULL: it had none. */
struct raft_engine_question *raft_engine_conn_detach(struct raft_engine_connection *c);

/* It is of no more use. e: ERR_UNAVAILABLE before it was up, else ERR_PEER_DEAD, ERR_LIMIT or ERR_MALFORMED. */
void raft_engine_conn_drop(struct raft_engine_connection *c, enum err e, const char *why);
void raft_engine_conn_free(struct raft_engine_connection *c);

/* ---- engine_link.c -------------------------------------------------------------------------------- */

/* What becomes of a question whose connection ended before its answer did. */
void raft_engine_link_lost(struct raft_engine_links *l, struct raft_engine_question *q, enum err e);

/* All that can begin does. */
void raft_engine_link_turn(struct raft_engine_links *l);

#endif
