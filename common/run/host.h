/* Inside of the runtime: the one process object and the rooms that share it. Not installed; cells
 * see cell.h only. The supervisor, which is no ordinary cell, uses the last section. */
#ifndef CELL_COMMON_RUN_HOST_H
#define CELL_COMMON_RUN_HOST_H

#include "common/base/hist.h"
#include "common/base/name.h"
#include "common/run/cell.h"
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
    HOST_LINGER_MS = 100,      /* between the last answer and the end: nng does not linger, a
                                * reply written just before close would be lost                 */
};

struct door;
struct asks;

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
    char *config;
    uint32_t instance;
    uint64_t generation;
    uint8_t token[HOST_TOKEN_LEN];
    bool has_token;
    uint32_t files;
    uint32_t message_bytes;
    uint32_t calls_waiting;
    uint32_t heartbeat_ms;
    uint32_t heartbeat_misses;
    uint32_t rejoin_grace_ms;
    bool network;
    enum log_level log_level;
    char descriptor_name[GAP_DESCRIPTORS_MAX][NAME_SIZE];
    int descriptor[GAP_DESCRIPTORS_MAX];
    size_t descriptor_count;
};

/* One operation as served: from the cell's table or the runtime's own. */
struct host_op {
    const struct cell_op *op;
    char name[NAME_SIZE];
    const struct ProtobufCMethodDescriptor *method;
    uint64_t fingerprint;
    bool is_inspect;
    uint64_t count[ERR_COUNT];
    struct hist duration_us;
};

struct host_metric;

struct cell {
    const struct cell_def *def;
    struct host_birth birth;
    struct loop *loop;
    void *state;
    struct door *door;
    struct asks *asks;
    struct host_op *ops;
    size_t op_count;
    struct host_metric *metrics;
    size_t metric_count;
    Cell__Gap__CallerGrant **grants; /* unpacked, by caller */
    size_t grant_count;
    int gap_fd; /* -1: none (standalone, or lost) */
    enum gap_state gap_state;
    struct loop_watch *gap_watch;
    struct loop_timer *beat_timer;
    struct loop_timer *rejoin_timer;
    struct loop_timer *end_timer;
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

/* ---- door.c: requests in ---------------------------------------------------------------------- */

/* Open the nng socket (starts nng's threads). ERR_NOMEM, ERR_IO. */
enum err door_open(struct cell *cell) MUST_CHECK;

/* Add a listener at `path` (at most SP_PATH_MAX characters). space and name: the cell whose door it
 * is; both "" for the operator's. `operations` say what it may call ("greeter.Greet", "greeter.*");
 * ignored for the operator. ERR_LIMIT, ERR_EXISTS (somebody listens there), ERR_IO. */
enum err door_listen(struct cell *cell, const char *path, const char *space, const char *name,
                     char *const *operations, size_t operation_count) MUST_CHECK;

/* Change what an existing door's caller may call; false: there is no such door. */
bool door_regrant(struct cell *cell, const char *space, const char *name, char *const *operations,
                  size_t operation_count);

/* Start receiving on the loop. */
enum err door_start(struct cell *cell) MUST_CHECK;
void door_close(struct cell *cell);

uint32_t door_calls_in_flight(const struct cell *cell);
void door_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call);

struct door_numbers {
    uint64_t requests;    /* since start, inspect included                     */
    uint64_t errors;      /* of these, answered with an error                  */
    uint64_t denied;
    uint64_t shed;        /* refused because too many were waiting             */
    uint64_t malformed;
    uint64_t dropped;     /* answers that could not be sent                    */
    uint32_t connections;
    uint64_t refused_connections;
    uint64_t window_p50_us; /* of the cell's own operations since the last reset */
    uint64_t window_p99_us;
    uint64_t window_count;
};
void door_read(struct cell *cell, struct door_numbers *ret, bool reset_window);

/* ---- ask.c: requests out ----------------------------------------------------------------------- */

enum err asks_open(struct cell *cell) MUST_CHECK;
/* End every request with CANCELLED and take no more; the cell is still whole then. */
void asks_cancel(struct cell *cell);
void asks_close(struct cell *cell); /* after asks_cancel */
void asks_flush(struct cell *cell, uint64_t now_ms);
void asks_fill_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                        struct cell_call *call);
struct asks_numbers {
    uint64_t sent;
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
void host_metrics_fill(struct cell *cell, Cell__Inspect__MetricsReply *reply,
                       struct cell_call *call);
void host_metrics_free(struct cell *cell);

/* ---- birth.c, life.c --------------------------------------------------------------------------- */

/* Read Genesis from fd 3; blocks until it is there. ERR_PEER_DEAD: the nucleus went away first. */
enum err birth_from_gap(struct cell *cell) MUST_CHECK;
/* Command line of a cell without supervisor. ERR_INVALID after telling stderr. */
enum err birth_from_argv(struct cell *cell, int argc, char **argv) MUST_CHECK;
void birth_fini(struct host_birth *birth);

enum err life_say(struct cell *cell, Cell__Gap__ToNucleus *message) MUST_CHECK;
/* The same where nothing depends on its being heard: a failure is a debug line. */
void life_tell(struct cell *cell, Cell__Gap__ToNucleus *message);
enum err life_say_listening(struct cell *cell) MUST_CHECK;
enum err life_begin(struct cell *cell) MUST_CHECK; /* watch the junction, start the heartbeat */
void life_drain(struct cell *cell, const char *reason);
void life_end(struct cell *cell);
const char *life_state_name(const struct cell *cell);

/* Name of the socket file that is caller's door; empty names: the operator's. */
void life_door_file(const struct cell *cell, const char *space, const char *name,
                    char out[HOST_PATH_SIZE]);

/* ---- for the supervisor ------------------------------------------------------------------------ */

/* Run `def` as the supervisor: no junction, no seal, no heartbeat; birth is given. `open` may add
 * doors with door_listen. Returns the exit status. */
int host_supervisor_main(const struct cell_def *def, const struct host_birth *birth);
struct loop *host_loop(struct cell *cell);

#endif
