/* A drawn world for the client's decisions: one caller with many requests, and servers that are slow,
 * crash, hang, drop connections, refuse, point elsewhere, come and go from the name's list, or are
 * all away at once. Everything follows from one seed.
 *
 * The world is the shell (queues, connections, timers) and the servers. It keeps its own truth (what
 * was carried out, who is connected, who failed) and never asks the core; checkers (check_*.c)
 * compare the two. */
#ifndef CELL_TESTS_SIM_CLIENT_WORLD_H
#define CELL_TESTS_SIM_CLIENT_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "common/client/client.h"

enum {
    WORLD_SERVERS = 8,
    WORLD_ASKS = 3000,
    WORLD_TRIES = 16,     /* attempts of one request that are remembered */
    WORLD_NOBODY = -1,
};

enum trouble {
    TROUBLE_NONE,
    TROUBLE_DROPS,   /* takes a request and breaks the connection, having done it or not */
    TROUBLE_REFUSES, /* answers UNAVAILABLE */
    TROUBLE_BUSY,    /* answers LIMIT and when to come back: no breaker looks at that */
    TROUBLE_AWAY,    /* not running */
    TROUBLE_HANGS,   /* takes connections and requests, and answers neither */
};

struct server {
    struct balance_endpoint endpoint;
    enum trouble trouble;
    uint64_t latency_ms;     /* about */
    bool is_listed, is_told; /* the name stands for it; the client knows */
    uint32_t connection;     /* number of the current or last one */
    uint32_t attempt;        /* to connect: tells old ones from new */
    uint64_t dial_ms;        /* wait before the next one */
    enum balance_line line;  /* what the shell reported last, and what it would know by itself */
    bool is_late;            /* a request waited in vain for the connection it has not got */
    bool is_clogged;         /* connected, and takes nothing just now */
    int queue[WORLD_ASKS];
    int queued;
    /* truth for the checkers */
    uint32_t held;           /* requests given and not taken back or ended */
    uint64_t rest_until_ms;
    uint64_t given;          /* in all */
    uint32_t failures;       /* in a row, as check_breaker counts them */
    uint64_t failure_seq;    /* of the newest that counted */
    bool is_shut;
    uint32_t shuts;          /* in a row */
    uint64_t shut_ms;
    bool has_connected;      /* since it was shut */
    uint32_t probes;         /* under way */
    int probe;               /* the newest of them, or WORLD_NOBODY */
    uint64_t probe_ms;       /* when it was given */
};

struct request {
    struct client_ask ask;
    bool is_asked, is_parked, is_waiting, is_ended, was_cancelled, was_lost, is_queued, got_parts;
    int server;              /* has it, or WORLD_NOBODY */
    int failed_by;           /* the last that failed it */
    uint32_t connection;     /* it was sent over */
    uint32_t tries;          /* given */
    uint64_t given_seq;      /* when it was given last */
    bool is_probe;           /* given to a server that check_breaker holds for shut */
    uint32_t sends;          /* as seen by the wire, without batches refused unread */
    uint32_t follows;
    uint32_t done;           /* carried out, at any server */
    uint32_t parts;          /* left to come */
    uint64_t asked_ms, armed_ms;
    enum err said;           /* last answer; ERR_LATER: none */
    uint32_t serial;         /* of the present send: late answers carry an older one */
    uint32_t retries;
};

enum happening_kind {
    HAPPEN_ASK,
    HAPPEN_DUE,
    HAPPEN_REACH,   /* a request is at the server's door */
    HAPPEN_REPLY,   /* something of the server's is at the client's */
    HAPPEN_DIAL,    /* a connection is tried */
    HAPPEN_CANCEL,
    HAPPEN_TROUBLE, /* a server falls into trouble, or out of it */
    HAPPEN_CLOG,
    HAPPEN_LIST,    /* the name's instances are told */
    HAPPEN_OUTAGE,
    HAPPEN_IDLE,    /* unused connections are closed */
    HAPPEN_CALM,
};

struct happening {
    uint64_t at_ms, seq;
    enum happening_kind kind;
    int index;           /* of a request or server */
    uint32_t serial;
    uint32_t value;
    enum err e;
    uint32_t retry_after_ms;
    int hint;
    bool is_part, is_unread;
};

struct world {
    uint64_t seed;
    struct rng rng;
    uint64_t now_ms, seq;
    bool has_failed, is_loud;
    char why[256];
    /* drawn */
    int servers;
    int asks;
    enum balance way;
    uint64_t gap_ms;               /* between requests, about */
    uint32_t burst;                /* requests at once */
    uint64_t trouble_one_in, drop_one_in, refuse_one_in, unread_one_in, odd_one_in, cancel_one_in;
    uint64_t tail_one_in;
    bool has_leader, is_even, is_outage, ends_listed;
    int leader;
    int slow;                      /* a server that is much slower than the others, or nobody */
    uint64_t calm_ms, end_ms, outage_ms;
    enum trouble outage_kind;
    /* the machine */
    struct client_target target;
    struct server server[WORLD_SERVERS];
    struct request request[WORLD_ASKS];
    int asked;
    bool in_outage;
    struct happening *heap;
    uint32_t heap_count, heap_room;
    /* coverage */
    uint64_t steady, pressed; /* who set their own pace; given to a server that is shut */
    uint64_t faults, once_faults, sends, retries, follows, moves, shuts, probes, parked;
    uint64_t ended[ERR_COUNT], done;
    uint64_t outage_asks, outage_sends, outage_offered;
    uint32_t tokens;         /* of the retry budget, as check_budget counts them; hundredths */
    double worst;            /* load over load offered, in an outage                         */
    uint64_t calm_asks;
};

/* ---- world.c ------------------------------------------------------------------------------- */

uint64_t world_draw(struct world *w, uint64_t bound);
bool world_chance(struct world *w, uint64_t one_in); /* 0: never */
bool world_is_calm(const struct world *w);
void world_later(struct world *w, uint64_t in_ms, struct happening h);
void world_run(struct world *w, uint64_t seed, bool is_loud);
void world_fini(struct world *w);
void world_fail(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);
void world_tell_loud(struct world *w, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- world_draw.c: what the seed decides --------------------------------------------------- */

void world_draw_settings(struct world *w);
void world_draw_ask(struct world *w, struct request *r);
void world_draw_trouble(struct world *w, int server);

/* ---- world_shell.c: the client's hands ------------------------------------------------------ */

void world_shell_step(struct world *w, int request, enum client_event_kind kind, enum err e,
                      uint32_t retry_after_ms, int hint);
void world_shell_flush(struct world *w);
void world_shell_dial(struct world *w, const struct happening *h);
void world_shell_break(struct world *w, int server); /* its connection ends */
void world_shell_list(struct world *w);
void world_shell_idle(struct world *w);

/* ---- world_server.c ---------------------------------------------------------------------------- */

void world_server_reach(struct world *w, const struct happening *h);
void world_server_trouble(struct world *w, int server, enum trouble trouble);

#endif
