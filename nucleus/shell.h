/* The supervisor's hands: feeds the core (nucleus/node.h) with events and performs its effects. */
#ifndef CELL_NUCLEUS_SHELL_H
#define CELL_NUCLEUS_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/run/gap.h"
#include "common/run/host.h"
#include "nucleus/cgroup.h"
#include "nucleus/guard.h"
#include "nucleus/ledger.h"
#include "nucleus/node.h"
#include "proto/nucleus.pb-c.h"

enum {
    SHELL_PATH_SIZE = 512,
    SHELL_DIRS_MAX = 16,        /* --cells directories                                       */
    SHELL_EVENTS_MAX = 4096,    /* kept for `cell events`                                    */
    SHELL_MOUNTS_MAX = 64,      /* namespaces of the dead not yet let go: see mounts.h       */
    SHELL_EVENT_KIND_MAX = 15,
    SHELL_EVENT_DETAIL_SIZE = 160,
    SHELL_WAITERS_MAX = 64,     /* long polls on events at once                              */
    SHELL_ENDPOINTS_MAX = 256,  /* doors of one instance                                     */
    SHELL_REJOIN_GRACE_MS = 30000, /* how long cells live without any nucleus                */
    SHELL_UID = 64930,          /* user and group of cells when the node runs as root and
                                 * there is no user `cell`: owns nothing else                */
};

/* Paths inside every jail: the same for all, so that a warm spare needs no path of its own. */
#define SHELL_JAIL_RUN "/run/cell"
#define SHELL_JAIL_BIND "/run/bind"
#define SHELL_JAIL_STATE "/state"

struct shell_endpoint {
    char file[SP_PATH_MAX + 1]; /* in the cell's bind directory */
    char space[NAME_SIZE];      /* whose door; "": the operator's */
    char cell[NAME_SIZE];
};

struct shell;

/* The process behind one slot of the core. */
struct shell_socket;

struct shell_slot {
    struct shell *shell;
    uint32_t slot;
    struct ledger_process process; /* as stored */
    uint64_t generation;
    int pidfd;
    bool is_child;          /* ours to wait for; else the guard reaps it               */
    bool has_report;        /* the guard has reported its end                          */
    int report_status;
    int mounts_fd;          /* its mount namespace, held; -1: not                      */
    struct loop_watch *pid_watch;
    struct loop_timer *exit_timer; /* waits for the guard's report                     */
    uint32_t exit_tries;
    int gap_fd;
    enum gap_state gap_state;
    struct loop_watch *gap_watch;
    struct shell_endpoint *endpoints;
    size_t endpoint_count;
    bool is_published;
    char group[CGROUP_NAME_SIZE]; /* the control group that holds it; "": none         */
    int log_fd;             /* the file offered last, until taken                      */
    bool log_is_offered;
    uint64_t log_failures;
    uint64_t log_from;      /* size of the log file when this process was started      */
    uint64_t cpu_us;        /* at the last look, for cpu_percent                       */
    uint64_t cpu_at_us;
    double cpu_percent;
    double load;            /* last heartbeat                                          */
    uint32_t calls_waiting;
    uint64_t latency_p50_us;
    uint64_t latency_p99_us;
    uint64_t requests;
    uint64_t errors;
    uint64_t beat_ms;
    uint64_t connect_ms;    /* when it first asked for a channel in this burst         */
    uint32_t connect_count; /* how often since                                         */
};

/* An initialised twin that waits for its Genesis. */
struct shell_spare {
    uint32_t cell;
    char group[CGROUP_NAME_SIZE]; /* "": none */
    uint64_t hash;    /* of its entry                     */
    uint64_t version; /* of its program too, 0: unknown   */
    int32_t pid;
    int pidfd;
    int gap_fd;
    uint64_t jail_us;
    uint64_t start_ticks;
    struct loop_watch *pid_watch;
    struct shell *shell;
    struct shell_spare *next; /* of those that were let go */
};

/* Its texts stand one after the other: room for the longest ones would take four times as much. */
struct shell_event {
    uint64_t sequence;
    uint64_t time_ms; /* Unix epoch */
    uint32_t instance;
    uint8_t space_at; /* where in `text`; the cell's name is at 0 */
    uint8_t kind_at;
    uint8_t detail_at;
    char text[];      /* cell, namespace, kind, detail, each with its NUL */
};

/* Not yet fed to the core: performing an effect may cause an event. */
struct shell_queue {
    struct node_event event;
    char text[NODE_REASON_SIZE];
};

struct shell {
    struct cell *cell;
    char run_dir[SHELL_PATH_SIZE];
    char state_dir[SHELL_PATH_SIZE];
    char manifest_path[SHELL_PATH_SIZE];
    const char *dirs[SHELL_DIRS_MAX];
    size_t dir_count;
    bool is_recovery;
    bool has_started;
    int guard_fd;
    int lock_fd;
    int door_fd[GUARD_DOORS]; /* the listening sockets; borrowed from door and junction */
    bool has_doors;           /* they are our predecessor's: every cell's view has them */
    struct loop_watch *guard_watch;
    int32_t guard_pid;
    uid_t uid; /* of the cells */
    gid_t gid;
    struct node *node;
    struct node_effects fx;
    size_t fx_used; /* most of it, since its memory was given back */
    struct manifest manifest;
    uint8_t prepared[MANIFEST_CELLS_MAX]; /* entries whose directories this process has made sure of */
    struct ledger ledger;
    struct shell_slot *slots[NODE_INSTANCES_MAX];
    struct shell_spare *spares[MANIFEST_CELLS_MAX];
    struct shell_queue *queue;
    size_t queue_first, queue_count, queue_room;
    bool is_feeding;
    uint64_t own_delay_ms, own_delay_us; /* when it was asked last, and the answer: see look_delay_us */
    struct loop_timer *clock;
    uint64_t clock_ms; /* when it fires; UINT64_MAX: not armed */
    int gap_listen_fd;
    struct loop_watch *gap_listen_watch;
    struct shell_event **events; /* ring; NULL: none yet, or lost for want of memory */
    uint64_t event_last;
    uint64_t event_first; /* sequence of the first ever kept by this process */
    struct cell_call *waiters[SHELL_WAITERS_MAX];
    uint64_t waiter_after[SHELL_WAITERS_MAX];
    struct loop_timer *waiter_timer;
    struct loop_timer *mounts_timer;
    int mounts_left[SHELL_MOUNTS_MAX];
    size_t mounts_count;
    struct loop_timer *rest_timer; /* see rest.h */
    bool rest_is_due;
    int logs_fd;           /* tells which log files were written; -1: nobody does */
    struct loop_watch *logs_watch;
    bool logs_are_known;   /* all were looked at since then                       */
    int pages_fd;          /* their directory; -1: not opened yet                         */
    bool has_stale_pages;  /* an instance is no more: see to its page and its sockets, when there is time */
    struct loop_timer *grace_timer; /* rekey.c: until the cluster's key before is dropped; NULL: it is not */
    struct shell_socket *sockets; /* sockets.c: those bound for cells                      */
    struct shell_tun *tuns;       /* tuns.c: interfaces made for cells                     */
    struct shell_shield *shields; /* shields.c: keepers that run                           */
    bool was_only_asked;   /* nothing has changed since memory was tidied         */
    uint32_t untidy_looks; /* of rest_timer, until memory is tidied; 0: it is     */
    struct demand *demands; /* demand.c: callers that wait for a cell to start */
    uint32_t demand_count;
    struct cell_call *down_call;
    uint32_t down_count; /* instances that ran when it was asked for */
    bool is_down;
};

/* Command line to a birth; ERR_INVALID after telling stderr. */
enum err shell_args(int argc, char **argv) MUST_CHECK;
const struct host_birth *shell_birth(void);

/* Hooks of cell_def. drain takes the node down: every cell first, the supervisor last. */
enum err shell_open(struct cell *cell, void *state);
enum err shell_start(struct cell *cell, void *state);
void shell_drain(void *state);
void shell_stop(void *state);

/* Feed an event and everything that follows from it. `text` is copied. Returns what the core said
 * to this event; what follows is logged where it fails. */
enum err shell_feed(struct shell *s, const struct node_event *ev);

/* Put new manifest text in force: parse, find binaries, store, feed. `why` as yaml.h says. */
enum err shell_apply(struct shell *s, const char *text, size_t size, const char *path,
                     char why[MANIFEST_WHY_SIZE]) MUST_CHECK;
enum err shell_parse(struct shell *s, const char *text, size_t size, const char *path,
                     struct manifest *ret, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

#endif
