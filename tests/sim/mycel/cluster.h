/* Members of the cache in virtual time: real stores, calls, writes that wait, comparing and rebalancing of one process' making, over wires
 * that lose, double and delay, with members that crash with all they held, are cut off, flap, and whose wall clocks differ. What happens
 * follows from one seed. The checkers are in check.c of the same folder: they know what was acknowledged, and members do not. */
#ifndef CELL_TESTS_SIM_MYCEL_CLUSTER_H
#define CELL_TESTS_SIM_MYCEL_CLUSTER_H

#include "common/base/rng.h"
#include "mycel/call.h"
#include "mycel/hint.h"
#include "mycel/sync.h"

enum {
    CLUSTER_NODES_MAX = 9,
    CLUSTER_KEYS_MAX = 600,
    CLUSTER_TASKS = 8,          /* calls of a member at a time */
    CLUSTER_VALUE_MAX = 64,
    CLUSTER_VALUES = 16,
    CLUSTER_REPLICAS = 3,
    CLUSTER_TIMEOUT_MS = 400,
    CLUSTER_WALL_MS = 1700000000, /* thousands of them: when worlds begin */
};

enum cluster_packet_kind { CLUSTER_ASK, CLUSTER_ANSWER, CLUSTER_REPAIR, CLUSTER_HINT, CLUSTER_TAKEN, CLUSTER_SYNC };

struct cluster_packet {
    enum cluster_packet_kind kind;
    uint64_t at_ms, order;
    uint8_t from, to;
    uint32_t from_life, to_life; /* connections break with either */
    uint8_t task, target;
    uint32_t serial;             /* of the call */
    bool is_write;
    enum mycel_call_event_kind said;
    uint64_t number, left_ms;
    uint32_t key;
    struct mycel_version_copy copy;
    uint8_t bytes[CLUSTER_VALUE_MAX];
    struct mycel_sync_message sync;
    uint64_t *sums;
};

struct cluster_task {
    bool is_open, is_write;
    uint32_t serial, key;
    uint64_t left_ms, began_ms;
    struct mycel_version_copy copy;              /* of a write */
    uint8_t bytes[CLUSTER_VALUE_MAX];
    struct mycel_version floor;                  /* of a read: what was acknowledged before */
    uint8_t targets, target[MYCEL_CALL_TARGETS_MAX];
    uint32_t life[MYCEL_CALL_TARGETS_MAX];
    uint8_t got[MYCEL_CALL_TARGETS_MAX][CLUSTER_VALUE_MAX];
    struct mycel_call call;
};

struct cluster_node {
    bool is_up;
    uint32_t life;
    int64_t skew_ms;
    uint64_t view_ms;        /* when it is going to see who is there; UINT64_MAX: it knows */
    uint64_t back_ms;        /* when it starts again; UINT64_MAX: not down */
    bool sees[CLUSTER_NODES_MAX];
    void *store_memory, *hint_memory;
    struct mycel_store store;
    struct mycel_replica replica;
    struct mycel_sync sync;
    struct mycel_sync_peer peer[CLUSTER_NODES_MAX];
    uint64_t sum[CLUSTER_NODES_MAX][MYCEL_REPLICA_RANGES];
    struct mycel_place place;
    struct mycel_hint hint;
    struct cluster_task task[CLUSTER_TASKS];
};

/* What the world knows of a key. */
struct cluster_key {
    bool has_lives;                  /* all its writes end, after the same time */
    struct mycel_version acked;      /* the latest that was */
    bool is_acked_tombstone;
    struct {
        struct mycel_version version;
        uint64_t end_ms;             /* true time; UINT64_MAX: none */
    } value[CLUSTER_VALUES];         /* the last ones that were written, acknowledged or not */
    uint64_t values;
};

enum cluster_faults { CLUSTER_CALM, CLUSTER_CRASHES, CLUSTER_FLAPS, CLUSTER_CUTS, CLUSTER_ALL_KINDS };

struct cluster {
    uint64_t seed, now_ms, until_ms, faults_end_ms;
    bool is_loud;
    struct rng rng;
    uint32_t nodes, keys, bytes_max, entries_max;
    uint32_t lose_one_in, double_one_in, late_ms, skew_ms, detect_ms, ops_one_in_ms, hint_entries, bytes_per_s;
    enum cluster_faults faults;
    bool is_full, has_jumps, may_crash_too;
    uint64_t fault_ms, heal_ms, op_ms;
    bool cut[CLUSTER_NODES_MAX][CLUSTER_NODES_MAX]; /* from, to: nothing gets through */
    struct cluster_node node[CLUSTER_NODES_MAX];
    struct cluster_key key[CLUSTER_KEYS_MAX];
    struct cluster_packet **wire;
    uint32_t on_wire, wire_max;
    uint64_t order, serial;
    struct {
        uint64_t writes, acked, reads, found, nothing, unavailable, timeouts, crashes, cuts, views, jumps, packets, lost;
        uint64_t offers, copies, left, taken, hinted, handed, dropped, passes, forgotten, converge_ms, copies_late, repairs;
    } count;
};

extern const struct mycel_replica_name cluster_names[1];

void cluster_begin(struct cluster *w);               /* after what is drawn was set; nodes 0 to nodes - 1 form it */
void cluster_live(struct cluster *w, uint64_t until_ms, bool has_ops);
void cluster_end(struct cluster *w);
void cluster_start(struct cluster *w, uint8_t n, bool is_first);
void cluster_crash(struct cluster *w, uint8_t n);
void cluster_look(struct cluster *w);                /* everybody is going to see who is there */
bool cluster_is_settled(const struct cluster *w);    /* everybody sees everybody who is up, and is sure */
void cluster_write(struct cluster *w, uint8_t n, uint32_t key, bool is_delete);
void cluster_read(struct cluster *w, uint8_t n, uint32_t key);
struct mycel_store_key cluster_key_of(uint32_t key, char text[16]);
uint64_t cluster_wall_ms(const struct cluster *w, uint8_t n);

/* ---- the checkers ---- */

void check_wrote(struct cluster *w, const struct cluster_task *t, enum err e);
void check_read(struct cluster *w, const struct cluster_task *t, enum err e, const struct mycel_version_copy *copy);
void check_value(struct cluster *w, uint32_t key, const struct mycel_version_copy *copy);

/* Whether all who are up and hold a key have the same, which is not earlier than what was acknowledged, and nobody else has any; else what
 * is not so, if `is_fatal`. */
bool check_converged(struct cluster *w, bool is_fatal);

#endif
