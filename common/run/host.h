/* Inside of the runtime: the one process object and the rooms that share it. Not installed; cells
 * see cell.h only. The supervisor, which is no ordinary cell, uses the last section. */
#ifndef CELL_COMMON_RUN_HOST_H
#define CELL_COMMON_RUN_HOST_H

#include "common/base/hist.h"
#include "common/base/name.h"
#include "common/run/cell_tun.h"
#include "common/run/gap.h"
#include "common/run/log.h"
#include "common/run/loop.h"
#include "common/run/seal.h"
#include "common/run/sp.h"
#include "proto/gap.pb-c.h"
#include "proto/inspect.pb-c.h"

#define HOST_VERSION CELL_VERSION /* the project's, from meson.build */

enum {
    HOST_PATH_SIZE = 512,
    HOST_TOKEN_LEN = 32,
    HOST_METRICS_MAX = 256,
    HOST_DEADLINE_DEFAULT_MS = 5000,
    HOST_BATCH_MAX = 1024,     /* requests in one envelope                                      */
    HOST_LINGER_MS = 100,      /* between the last answer and the end: nng loses what is on its way */
};

struct door;
struct door_wire;
struct asks;
struct asks_numbers;
struct channels;
struct counters_page;

/* Requests to other cells, as the frame of a process uses them. The supervisor calls nobody: it has
 * none, and its program then needs neither nng nor nng's threads. */
struct host_outlet {
    enum err (*open)(struct cell *cell);
    void (*cancel)(struct cell *cell);
    void (*close)(struct cell *cell);
    void (*flush)(struct cell *cell, uint64_t now_ms);
    /* As channels_linger. */
    bool (*linger)(struct cell *cell, bool is_first);
    /* What the supervisor says about a channel; *fd is taken, NULL: none came along. */
    /* Write what there is to count into the cell's page. */
    void (*count)(struct cell *cell, struct counters_page *page);
    void (*hear_channel)(struct cell *cell, const Cell__Gap__Channel *channel, int *fd);
    void (*describe)(struct cell *cell, Cell__Inspect__DescribeReply *reply, struct cell_call *call);
    void (*read)(const struct cell *cell, struct asks_numbers *ret);
};
extern const struct host_outlet outlet_asks;

/* Everything a process learned at birth. */
struct host_birth {
    char name[NAME_SIZE];
    char space[NAME_SIZE];
    char node[NAME_SIZE];
    char run_dir[HOST_PATH_SIZE];
    char bind_dir[HOST_PATH_SIZE]; /* "": listen at the public path itself (no supervisor) */
    char state_dir[HOST_PATH_SIZE];
    char **read, **write; /* granted by the manifest, at most GAP_PATHS_MAX each; owned */
    size_t read_count, write_count;
    char *config, *labels; /* NULL: "" */
    uint32_t instance;
    uint64_t generation;
    uint8_t token[HOST_TOKEN_LEN];
    bool has_token;
    uint32_t files;
    uint32_t message_bytes;
    uint32_t calls_waiting;
    uint32_t heartbeat_ms, heartbeat_misses;
    uint32_t rejoin_grace_ms;
    bool network;
    enum log_level log_level;
    char descriptor_name[GAP_DESCRIPTORS_MAX][2 * NAME_SIZE]; /* "counters", "listen.gossip" */
    int descriptor[GAP_DESCRIPTORS_MAX];
    struct cell_tun tun[GAP_INTERFACES_MAX]; /* of those that are interfaces */
    size_t descriptor_count, tun_count;
};

/* One operation as served: from the cell's table or the runtime's own. */
struct host_op {
    const struct cell_op *op;
    char name[NAME_SIZE];
    const struct ProtobufCMethodDescriptor *method;
    uint64_t fingerprint;
    bool is_inspect, is_vital;
    uint64_t count[ERR_COUNT];
    struct hist *duration_us; /* owned; NULL until the first answer: 5 KiB each */
};

struct host_metric;

struct cell {
    const struct cell_def *def;
    struct host_birth birth;
    struct loop *loop;
    void *state;
    const char *trouble; /* its own word, for Health; NULL: none */
    const struct door_wire *wire;
    struct door *door;
    const struct host_outlet *outlet; /* NULL: calls nobody */
    struct asks *asks;
    struct channels *channels; /* NULL: there was none so far */
    struct counters_page *page; /* NULL: nobody made one        */
    struct host_op *ops; /* with room for the one that passes on, after op_count, if the cell does */
    size_t op_count;
    struct cell_metric **metrics;
    size_t metric_count;
    Cell__Gap__CallerGrant **grants; /* unpacked, by caller */
    size_t grant_count;
    int gap_fd; /* -1: none (standalone, or lost) */
    enum gap_state gap_state;
    struct loop_watch *gap_watch;
    struct loop_timer *beat_timer;
    struct loop_timer *rejoin_timer, *end_timer, *tidy_timer; /* the last NULL: memory is tidied no more */
    uint64_t settled_ms; /* what it was set for, after the last time */
    uint64_t beat_sequence;
    uint64_t lost_ms;   /* since when there is no nucleus; 0: there is one */
    uint32_t rejoin_wait_ms;
    uint64_t started_ms;
    bool is_supervised; /* born through fd 3 */
    bool is_supervisor;
    bool is_draining;
    bool has_stopped;
    int exit_status;
    char stop_reason[96];
};

/* ---- ask.c: requests out ----------------------------------------------------------------------- */

enum err asks_open(struct cell *cell) MUST_CHECK;
/* End every request with CANCELLED and take no more; the cell is still whole then. */
void asks_cancel(struct cell *cell);
void asks_close(struct cell *cell); /* after asks_cancel */
void asks_flush(struct cell *cell, uint64_t now_ms);
void ask_endpoint_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                           struct cell_call *call);
struct asks_numbers {
    uint64_t sent;     /* every try counts */
    uint64_t retried;
    uint64_t answered;
    uint64_t failed;
    uint32_t outstanding;
};
void asks_read(const struct cell *cell, struct asks_numbers *ret);

/* ---- inspect.c, metric.c ----------------------------------------------------------------------- */

extern const struct cell_op host_inspect_ops[];
extern const size_t host_inspect_op_count;

/* Fill cell->ops from def->ops and the runtime's own. ERR_INVALID: an operation's number is not
 * OP_<NAME> of a method of def->service; the name is logged. */
enum err host_ops_build(struct cell *cell) MUST_CHECK;
struct host_op *host_ops_find(struct cell *cell, uint32_t number);
struct host_op *host_ops_forward(struct cell *cell); /* of requests for other nodes; NULL: it takes none */
size_t host_ops_counted(const struct cell *cell);    /* entries of cell->ops with that one */
void host_metrics_fill(struct cell *cell, Cell__Inspect__MetricsReply *reply,
                       struct cell_call *call);
void host_metrics_free(struct cell *cell);

/* ---- birth.c, life.c, hear.c, beat.c ---------------------------------------------------------------- */

/* Read Genesis from fd 3; blocks until it is there. ERR_PEER_DEAD: the nucleus went away first. */
enum err birth_from_gap(struct cell *cell) MUST_CHECK;
bool birth_has_sockets(const struct cell *cell); /* whether Genesis handed over any, taken or not */
/* Command line of a cell without supervisor. ERR_INVALID after telling stderr. */
enum err birth_from_argv(struct cell *cell, int argc, char **argv) MUST_CHECK;
void birth_fini(struct host_birth *birth);

enum err life_say(struct cell *cell, Cell__Gap__ToNucleus *message) MUST_CHECK;
/* The same where nothing depends on its being heard: a failure is a debug line. */
void life_tell(struct cell *cell, Cell__Gap__ToNucleus *message);
enum err life_say_listening(struct cell *cell) MUST_CHECK;
/* The endpoints as Listening and Rejoin report them, in three lists to free. ERR_NOMEM. */
enum err life_list_endpoints(const struct cell *cell, Cell__Gap__Endpoint **ret_item,
                             Cell__Gap__Endpoint ***ret_slot,
                             char (**ret_file)[HOST_PATH_SIZE]) MUST_CHECK;
void life_say_draining(struct cell *cell);
void life_drain(struct cell *cell, const char *reason);
void life_end(struct cell *cell);
const char *life_state_name(const struct cell *cell);

/* Watch the junction of a supervised cell; look for the next supervisor when this one is lost. */
enum err hear_begin(struct cell *cell) MUST_CHECK;
enum err beat_begin(struct cell *cell) MUST_CHECK; /* start the heartbeat of a supervised cell */

/* Name of the socket file that is caller's door; empty names: the operator's. */
void life_door_file(const struct cell *cell, const char *space, const char *name,
                    char out[HOST_PATH_SIZE]);

/* ---- for the supervisor ------------------------------------------------------------------------ */

/* Run `def` as the supervisor: no junction, no seal, no heartbeat; birth is given. `open` may add
 * doors with door_listen. Returns the exit status. */
int host_supervisor_main(const struct cell_def *def, const struct host_birth *birth);
struct loop *host_loop(struct cell *cell);

#endif
