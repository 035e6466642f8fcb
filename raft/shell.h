/* The cell around the core: one thread that steps it and performs what it says, in order; a second one that writes
 * (syncer.h). shell_ask.h is what the operations see of it.
 *
 * A turn of the loop gathers: commands become one proposal, reads one round, packets one request for each member, writes
 * one batch. raft_shell_tick ends the turn. */
#ifndef CELL_RAFT_SHELL_H
#define CELL_RAFT_SHELL_H

#include "common/run/cell.h"
#include "common/run/loop.h"
#include "raft/cache.h"
#include "raft/image.h"
#include "raft/pace.h"
#include "raft/peers.h"
#include "raft/service.h"
#include "raft/settings.h"
#include "raft/shell_ask.h"
#include "raft/shell_install.h"
#include "raft/snapshot_writer.h"
#include "raft/syncer.h"

enum {
    RAFT_SHELL_APPLY_MAX = 256,       /* entries applied before a look at the clock                     */
    RAFT_SHELL_SLICE_US = 2000,       /* of applying, before others have their turn                     */
    RAFT_SHELL_STALL_US = 30000,      /* a timer so late: the process did not run                       */
    RAFT_SHELL_CHUNK = 256 << 10,     /* bytes of a snapshot in one message                             */
    RAFT_SHELL_CHUNKS = 4,            /* … that are under way: one is sent while others are written     */
    RAFT_SHELL_IMAGE_MIN = 32 << 10,  /* bytes of an image made in one turn …                           */
    RAFT_SHELL_IMAGE_MAX = 64 << 10,  /* … and no more, however much is due                             */
    RAFT_SHELL_IMAGE_TIMES = 2,       /* as many bytes of it are due as are applied                     */
    RAFT_SHELL_HELLO_MS = 200,        /* between questions for a cluster                                */
    RAFT_SHELL_TRIM_MS = 500,         /* between two looks whether memory can be given back             */
    RAFT_SHELL_TRIM_QUIET = 500,      /* entries applied between them, at most, when it is quiet        */
    RAFT_SHELL_TRIM_WORTH = 5000,     /* entries applied since the last time: 2 MB of messages at least */
    RAFT_SHELL_MARGIN = 256 << 10,    /* bytes of prepared log kept for what the core itself appends    */
};

/* A list in order. */
struct raft_shell_list {
    struct raft_pending *first, *last;
    uint64_t count;
};

/* What is written and not yet durable, as the core wants to hear of it. */
struct raft_shell_mark {
    uint64_t ticket, index, term, epoch;
    bool is_install;    /* a BASE: the snapshot is installed when it is durable */
    uint8_t *loose;     /* owned: bytes of a run that is not in the cache       */
};

/* A snapshot that goes to a member. */
struct raft_shell_sending {
    uint64_t peer; /* 0: free */
    int fd;
    uint64_t index, term, size;
    uint64_t offset, sent; /* it has what is before `offset`; what is before `sent` is under way or there */
    uint64_t resent;       /* offset from which all was sent anew once */
    bool is_due;
};

struct raft_shell_snapshots {
    struct raft_snapshot_writer writer;
    struct raft_image image;
    bool is_making, is_ending, is_wanted; /* is_ending: all of the image is with the writer */
    struct raft_pace pace;      /* of the image's pieces                                            */
    uint64_t made;              /* bytes of the image so far         */
    int event_fd;
    struct loop_watch *watch;
    uint64_t index, size;       /* of the newest one on disk; 0: none */
    uint64_t log_bytes;         /* applied since the last one         */
    const char *trouble;        /* why the last one failed, for a person; NULL: it did not */
    struct raft_shell_list waiting;
    struct raft_shell_sending sending[RAFT_MEMBERS_MAX];
    struct { uint64_t peer, index; } sent[RAFT_MEMBERS_MAX]; /* whole, the last one to each; peer 0: free */
    struct raft_snapshot_head head; /* scratch */
};

struct raft_shell {
    struct cell *cell;
    struct raft_settings settings;
    struct raft_store store;
    struct raft_places places;
    struct raft_cache cache;
    struct raft_syncer *syncer;
    struct loop_watch *syncer_watch;
    struct loop_timer *timer;
    uint64_t armed_us;          /* when it fires; 0: it does not */
    struct raft_kv kv;
    struct raft_service service;
    struct raft_peers peers;
    struct raft_shell_snapshots snapshots;
    struct raft_shell_installing installing;
    struct raft *core;          /* NULL: no member of a cluster yet */
    void *core_memory;
    struct raft_effects fx;
    uint64_t member, cluster;   /* ids; cluster 0: none yet */
    bool is_open, is_stopping;
    bool is_draining, hands_over; /* told to end; and leadership is on its way to another */
    const char *trouble;
    uint32_t hint_turn;         /* of one that was removed: whom it named last */
    /* The turn. */
    uint8_t *gather;            /* room for commands, reserved in the cache; NULL: none */
    uint32_t gather_size;
    struct raft_shell_list gathered, reads; /* commands of this turn; reads of it */
    bool is_stepping;
    const struct raft_event *event;          /* that is stepped */
    /* What waits. */
    struct raft_shell_list waiting;          /* commands, by index      */
    struct raft_shell_list asked;            /* reads that have a round */
    struct raft_shell_list ready;            /* … and wait to be applied */
    uint64_t last_context;
    struct raft_pending *change, *transfer;
    uint64_t change_index;
    struct raft_shell_mark mark[2 * RAFT_SYNCER_ITEMS];
    uint32_t marks, mark_first;
    /* Applying. */
    uint64_t commit, applied, lead_index;    /* lead_index: its own first entry; 0: does not lead */
    bool is_leading;                         /* … and that is applied */
    struct raft_store_cursor apply_cursor, send_cursor;
    struct raft_config applied_config;       /* as of `applied`                          */
    struct raft_event installed;             /* to be told to the core; index 0: nothing */
    struct { uint64_t look_ms, looked, trimmed; } heap; /* when memory is looked at next; `applied` then, and when trimmed */
    uint64_t hello_ms;
    struct raft_hello *hello;                /* found.c */

    struct cell_metric *metric_puts, *metric_applied, *metric_term, *metric_leader, *metric_sync, *metric_late, *metric_elections, *metric_rotten, *metric_refused, *metric_dropped, *metric_past, *metric_past_rotten, *metric_past_unwritten, *metric_unmade;
    struct { const struct raft_past *past; uint64_t rotten, unwritten; } told; /* of the old values on disk, to metrics */
};

enum err raft_shell_open(struct cell *cell, void *state);
enum err raft_shell_start(struct cell *cell, void *state);
void raft_shell_tick(void *state, uint64_t now_ms);
void raft_shell_drain(void *state);
void raft_shell_stop(void *state);

/* ---- among the files of the shell ---------------------------------------------------------------- */

/* Step the core and perform; what is committed by that is applied at the end of the turn. */
enum err raft_shell_step(struct raft_shell *s, const struct raft_event *ev);

/* What is wrong with this member, for a person: a literal, "" when nothing is. */
const char *raft_shell_trouble(const struct raft_shell *s);

/* Come back at once, when others had their turn. */
void raft_shell_hurry(struct raft_shell *s);

/* Come back at that moment (of loop_now_us), or before. */
void raft_shell_return(struct raft_shell *s, uint64_t at_us);

/* The disk or memory failed: say so, and end before anything else is promised. */
void raft_shell_fail(struct raft_shell *s, const char *what);

/* raft_cache_reserve, but that what nobody waits for may go. */
uint8_t *raft_shell_reserve(struct raft_shell *s, uint32_t size);

/* Open what a known member has, and start the core: raft_shell_start, and found.c when the cluster is known. */
enum err raft_shell_begin(struct raft_shell *s);

/* The store becomes the snapshot's: make the log's beginning follow. */
void raft_shell_install_log(struct raft_shell *s, const struct raft_effect *fx);

/* shell_ask.c */
void raft_shell_ask_flush(struct raft_shell *s);
void raft_shell_ask_lost(struct raft_shell *s, enum err e);   /* it leads no longer: what waits is not known */
void raft_shell_ask_applied(struct raft_shell *s, uint64_t index, const struct raft_answer *answer);
void raft_shell_ask_reads(struct raft_shell *s);              /* those whose index is applied are answered */
void raft_shell_ask_ready(struct raft_shell *s, uint64_t context, uint64_t index, bool is_ok);
void raft_shell_ask_drop_gathered(struct raft_shell *s, enum err e);

/* shell_apply.c */
bool raft_shell_apply(struct raft_shell *s); /* whether there was anything to apply */
enum err raft_shell_apply_image(struct raft_kv *kv, int fd);
void raft_shell_trim(struct raft_shell *s, uint64_t now_ms);         /* once a turn: give memory back when it is quiet */
void raft_shell_tell_past(struct raft_shell *s);                     /* once a turn: what went wrong there */
void raft_shell_keep_past(struct raft_shell *s, struct raft_kv *kv); /* of a store that was only initialised */

/* shell_snapshot.c */
enum err raft_shell_snapshot_open(struct raft_shell *s);      /* before the log is read …            */
enum err raft_shell_snapshot_put_aside(struct raft_shell *s); /* … and when it is mended: what is rotten */
void raft_shell_snapshot_turn(struct raft_shell *s);
void raft_shell_snapshot_send(struct raft_shell *s, uint64_t peer);
void raft_shell_snapshot_more(struct raft_shell *s, const struct raft_effect *fx);
void raft_shell_snapshot_abort(struct raft_shell *s, uint64_t peer);
void raft_shell_snapshot_close(struct raft_shell *s);

/* found.c: from a fresh directory to a member. */
enum err raft_found_begin(struct raft_shell *s);
enum err raft_found_check(struct raft_shell *s) MUST_CHECK; /* ERR_PRECONDITION: the directory is that of another peer */
void raft_found_turn(struct raft_shell *s, uint64_t now_ms);
void raft_found_join(struct raft_shell *s, uint64_t now_ms);
void raft_found_end(struct raft_shell *s);
enum err raft_found_take_hello(void *state, struct cell_call *call, const void *request);
enum err raft_found_take_join(void *state, struct cell_call *call, const void *request);

#endif
