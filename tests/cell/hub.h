/* A server that the test plays: the nucleus's own socket, or another cell that behaves as told.
 * A thread of its own; what it counts can be read at any time. */
#ifndef CELL_TESTS_CELL_HUB_H
#define CELL_TESTS_CELL_HUB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/envelope.pb-c.h"
#include "tests/cell/hubwire.h"

enum {
    HUB_INSTANCES_MAX = 80,
    HUB_KEPT_MAX = 64,
    HUB_NUMBERS_MAX = 20000,
    HUB_BUSY_MS = 100,
};

enum hub_mode {
    HUB_NUCLEUS, /* answers Heartbeat and Resolve, refuses the rest */
    HUB_ECHO,    /* answers every request with an EchoReply of its instance number */
    HUB_SILENT,  /* takes requests and never answers */
    HUB_SMALL,   /* refuses messages of more than 2000 bytes with LIMIT, as a whole; else echoes */
    HUB_LYING,   /* answers with what is no envelope, ids nobody chose, and then the right answer */
    HUB_SWAPPED, /* echoes, the answers of one message one by one and the last first */
    HUB_HOLDING, /* keeps messages; hub_release answers them */
    HUB_DROPPING, /* carries requests out; every other message costs the connection, not an answer */
    HUB_BUSY,    /* UNAVAILABLE, come back in HUB_BUSY_MS, `patience` times; then as HUB_ECHO */
    HUB_NUL,     /* answers with a text that has a NUL in it */
    HUB_FOLLOWER, /* NOT_LEADER, and `hint` */
};

struct hub {
    struct hubwire wire;
    pthread_t thread;
    atomic_int mode;
    atomic_bool is_closing;
    uint32_t instance;
    atomic_uint delay_ms; /* a slow one: this long over each message */
    atomic_int patience;
    char hint[64];
    atomic_uchar carried_out[HUB_NUMBERS_MAX]; /* Echo requests with this number as text */
    atomic_uint messages;
    atomic_uint requests;
    atomic_uint most; /* requests in one message */
    atomic_uint beats;
    atomic_uint bad_beats; /* whose token is not `token` */
    atomic_uint resolves;
    atomic_uint cancels; /* notes */
    atomic_uint credits;
    pthread_mutex_t lock; /* covers what follows */
    uint8_t token[32];
    char endpoints[HUB_INSTANCES_MAX][64];
    bool is_healthy[HUB_INSTANCES_MAX];
    uint32_t number[HUB_INSTANCES_MAX];
    double score[HUB_INSTANCES_MAX];
    uint64_t latency_us[HUB_INSTANCES_MAX];
    size_t endpoint_count;
    struct hubwire_message kept[HUB_KEPT_MAX];
    size_t kept_count;
    double last_requests_total;
};

/* Listen at run_dir/name ("nucleus.sock", "default/testcell.8.sock"). */
void hub_open(struct hub *h, const char *name, enum hub_mode mode, uint32_t instance);
void hub_close(struct hub *h);

/* What the nucleus answers to Resolve: healthy instances first..first+count-1 of testcell. */
void hub_resolves(struct hub *h, uint32_t first, uint32_t count);
void hub_heal(struct hub *h, size_t index, bool is_healthy);

/* How it fares, as the nucleus tells callers. */
void hub_rate(struct hub *h, size_t index, double score, uint64_t latency_us);

/* Answer what HUB_HOLDING kept, as HUB_ECHO does. */
void hub_release(struct hub *h);

#endif
