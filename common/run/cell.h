/* The cell runtime: what a process must say about itself to be a cell, and what it gets for it.
 * This is the public header of the SDK (installed as <cell/run/cell.h>).
 *
 * One thread runs everything here: hooks, handlers, timers and answers. None of them may block. */
#ifndef CELL_COMMON_RUN_CELL_H
#define CELL_COMMON_RUN_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

struct cell;       /* this process; lives as long as the process */
struct cell_call;  /* one request; borrowed until the handler answers it */
struct cell_timer; /* a one-shot or repeating timer of this cell */
struct cell_forward; /* a request for another node: cell_call.h */
struct ProtobufCMessageDescriptor;
struct ProtobufCServiceDescriptor;
struct ProtobufCMessage;

/* One request a cell serves. The runtime has already checked size, version, the caller's right to
 * call (manifest) and that the body parses as `request`; the values inside are still untrusted. */
struct cell_op {
    uint32_t number; /* from proto/, unique across all cells */
    const struct ProtobufCMessageDescriptor *request;
    /* Answer with cell_reply() and return its result, or return an error and the runtime sends
     * that, or keep `call` and return ERR_LATER. Must not block. `request` dies with the call. */
    enum err (*handle)(void *state, struct cell_call *call, const void *request);
};

/* One system call a cell may make after its doors close, and the reason it needs it. */
struct cell_syscall {
    int number;
    const char *reason;
};

/* What a cell is. The hooks run in this order, each once:
 *   open    doors open: files, sockets, BPF programs; the only place privilege is used. What the
 *           manifest grants (sandbox.read, sandbox.write, state) can be opened later too, nothing else
 *   start   doors closed: seccomp is on, the heartbeat runs, calls to other cells are possible
 *   tick    whenever something was taken, and when the loop wakes; now_ms is monotonic
 *   granted a descriptor that replaces one granted before, new keys: cell_take_descriptor has it (optional)
 *   drain   told to finish: no new calls arrive, those in flight go on (optional)
 *   stop    always, also after a failed open or start, so it must accept half-made state */
struct cell_def {
    const char *name;
    const char *version; /* of the source; NULL: the project's */
    size_t state_size;   /* bytes; zeroed and owned by the runtime */
    enum err (*open)(struct cell *cell, void *state);
    enum err (*start)(struct cell *cell, void *state);
    void (*tick)(void *state, uint64_t now_ms);
    void (*granted)(void *state, const char *name);
    void (*drain)(void *state);
    void (*stop)(void *state);
    const struct cell_op *ops;
    size_t op_count;
    /* Those that limits.calls_waiting does not count (1024 at a time) nor draining refuses: all others wait for these. */
    const uint32_t *vital;
    size_t vital_count;
    /* The service they belong to: gives them names and reply types. Each number must be OP_<NAME> of the same package. */
    const struct ProtobufCServiceDescriptor *service;
    /* Takes requests for cells of other nodes, and answers with cell_reply_packed (cell_call.h) or an error. NULL: none. */
    enum err (*forward)(void *state, struct cell_call *call, const struct cell_forward *request);
    const unsigned char *schema; /* serialized FileDescriptorSet, for `cell call`; may be NULL */
    size_t schema_size;
    const struct cell_syscall *syscalls; /* beyond those the loop itself needs */
    size_t syscall_count;
};

/* Be this cell until told to stop. Returns the process exit status: 0 asked to stop, 1 could not
 * start, 2 lost the nucleus for longer than the grace time, 64 wrong usage.
 * argv: nothing (fd 3 is the gap junction), or
 *   --standalone [--config FILE] [--run DIR] [--state DIR] [--read PATH …] [--write PATH …]
 *   [--namespace NAME] [--instance N] [--log-level LEVEL]. */
int cell_main(const struct cell_def *def, int argc, char **argv);
/* Its doors served by the loop itself, in the same bytes: for many callers, and where memory counts: no libnng, one thread. */
int cell_main_own_wire(const struct cell_def *def, int argc, char **argv);

/* ---- answering ------------------------------------------------------------------------------ */

/* Pack and send `message` as the answer to `call`, which is gone afterwards whatever happens. Returns ERR_OK, ERR_LIMIT
 * (answer larger than the manifest allows; the caller gets LIMIT) or ERR_TIMEOUT (the caller stopped waiting). */
enum err cell_reply(struct cell_call *call, const void *message) MUST_CHECK;

/* Answer with an error, not ERR_OK or ERR_LATER. `text` explains it to a person, `hint` says where to go instead; both may
 * be NULL. `call` is gone afterwards. */
void cell_reply_error(struct cell_call *call, enum err e, const char *text, const char *hint);

/* Set the text and hint that go with the error this handler is about to return. */
void cell_call_explain(struct cell_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

uint64_t cell_call_now_ms(const struct cell_call *call);        /* monotonic, when it arrived   */
uint64_t cell_call_deadline_ms(const struct cell_call *call);   /* monotonic, when it is void   */
uint32_t cell_call_remaining_ms(const struct cell_call *call);  /* 0: already void              */

/* Who calls, as attested by the kernel (the door the connection came through, the peer's
 * credentials), never by the message. */
struct cell_caller {
    const char *space;  /* namespace; "" for the operator                    */
    const char *cell;   /* "" for the operator                               */
    int32_t pid;        /* 0: not visible from here (another pid namespace)  */
    uint32_t uid;       /* as seen from this user namespace                  */
    bool is_operator;
    /* Of what this node's gateway passes on (`cell`): the other node, by its certificate, and the cell there,
     * "namespace/cell", by that node's word. "" for callers of this node; from_cell for an operator there, too. */
    const char *from_node, *from_cell;
};
void cell_call_caller(const struct cell_call *call, struct cell_caller *ret);

/* The caller's idempotency key, at most 32 bytes; *ret_size 0 when there is none. Borrowed. */
const uint8_t *cell_call_key(const struct cell_call *call, size_t *ret_size);

/* Bytes that live until the call is answered; NULL at the request's memory limit. In parts, and given up: cell_call.h. */
void *cell_call_alloc(struct cell_call *call, size_t size);

/* ---- asking other cells --------------------------------------------------------------------- */

/* How one outbound request ends: called once, from the loop. `reply` is NULL unless e is ERR_OK,
 * and dies on return; `text` is the callee's explanation, never NULL. */
typedef void (*cell_answer)(void *context, enum err e, const struct ProtobufCMessage *reply,
                            const char *text);

/* A part of an answer that comes in several; dies on return. May cancel. */
typedef void (*cell_part)(void *context, const struct ProtobufCMessage *part);

/* Which of a name's instances gets a request. */
enum cell_balance {
    CELL_BALANCE_TURNS,    /* one after the other                                              */
    CELL_BALANCE_WEIGHTED, /* in proportion to their health                                    */
    CELL_BALANCE_LEAST,    /* whoever has the fewest of our requests: slow ones get few        */
    CELL_BALANCE_NEAREST,  /* whoever has the lowest latency                                   */
};

struct cell_ask {
    const char *target;    /* "greeter", "greeter.2", "space/greeter", "nucleus"; by way of the
                            * gateway "greeter@db-2"                                          */
    uint32_t operation;
    const struct ProtobufCMessage *request;               /* packed before cell_ask returns  */
    const struct ProtobufCMessageDescriptor *reply;       /* type of the expected reply      */
    uint32_t deadline_ms;  /* 0: what is left of `on_behalf_of`, or 5000                     */
    struct cell_call *on_behalf_of; /* passes its deadline and trace on; may be NULL         */
    cell_answer done;
    void *context;
    /* The rest may stay zero. */
    bool is_idempotent;    /* as the .proto marks it (X.ops.h): tried again up to 3 times after a
                            * lost connection or UNAVAILABLE; otherwise it is sent once          */
    bool is_hasty;         /* UNAVAILABLE when there is no connection within 250 ms: rather than wait for a restart   */
    bool is_steady;        /* of one instance: asked however often it failed, at a pace that is the asker's           */
    bool is_urgent;        /* by connections of its own, between nodes too: not behind what else goes to this callee   */
    enum cell_balance balance;
    cell_part part;        /* takes the parts of a streamed answer; `done` gets the last          */
    uint32_t credit;       /* parts the callee may be ahead; 0: 16                                */
    bool holds_credit;     /* more than these come only by cell_ask_credit()                      */
    uint64_t *ret_id;      /* set on ERR_OK: names the request to cell_ask.h; never used again    */
};

/* Send one request. ERR_OK: `done` will be called exactly once, at the deadline at the latest.
 * ERR_LIMIT: too many requests are outstanding or it is too large; ERR_INVALID: bad target;
 * ERR_CANCELLED: the cell is stopping. Then `done` is not called. Never blocks. What a stopping cell
 * still waits for ends with ERR_CANCELLED before its `stop` hook runs. An instance that failed five times in a row is left
 * alone for a while: UNAVAILABLE at once, unless another can be asked or it is_steady. More ways to ask: cell_ask.h. */
enum err cell_ask(struct cell *cell, const struct cell_ask *ask) MUST_CHECK;

/* ---- this process --------------------------------------------------------------------------- */

uint64_t cell_now_ms(const struct cell *cell);      /* monotonic                           */
const char *cell_name(const struct cell *cell);
const char *cell_space(const struct cell *cell);
uint32_t cell_instance(const struct cell *cell);
const char *cell_config(const struct cell *cell);   /* YAML text from the manifest; "" if none */
const char *cell_labels(const struct cell *cell);   /* its placement.labels: "disk=nvme,zone=a" */
const char *cell_run_dir(const struct cell *cell);
const char *cell_state_dir(const struct cell *cell); /* "" when the manifest grants none   */

/* Take the descriptor the manifest granted under `name`; -1 when there is none or it was taken. */
int cell_take_descriptor(struct cell *cell, const char *name);

/* Call `fire` every period_ms (>= 1), first after delay_ms; 0: once. NULL without memory. End it with cell_timer_stop. */
struct cell_timer *cell_timer_start(struct cell *cell, uint64_t delay_ms, uint64_t period_ms,
                                    void (*fire)(void *context), void *context);
void cell_timer_stop(struct cell_timer *timer); /* NULL is fine */
void cell_stop(struct cell *cell, const char *reason); /* leave the loop in order: drain, stop, exit 0 */
void cell_set_trouble(struct cell *cell, const char *what); /* Health says so; a literal, NULL: none */

/* ---- metrics -------------------------------------------------------------------------------- */

/* Counters, gauges and histograms that Inspect.Metrics reports. `name` and `help` are literals
 * (kept, not copied); name follows cell_<subsystem>_<what>_<unit>[_total]. Never NULL: past the
 * limit of 256 metrics the process ends with a log line, at start, where a developer sees it. */
struct cell_metric;
struct cell_metric *cell_metric_counter(struct cell *cell, const char *name, const char *help);
struct cell_metric *cell_metric_gauge(struct cell *cell, const char *name, const char *help);
struct cell_metric *cell_metric_histogram(struct cell *cell, const char *name, const char *help);
void cell_metric_add(struct cell_metric *m, double by);          /* counter: by >= 0 */
void cell_metric_set(struct cell_metric *m, double value);       /* gauge            */
void cell_metric_record_us(struct cell_metric *m, uint64_t us);  /* histogram        */

#endif
