/* Clients of the replicated store in a world: who asks what of whom, what came of it (a history, for the judge of
 * tests/linear), who watches, who holds leases. */
#ifndef CELL_TESTS_SIM_RAFT_CLIENT_H
#define CELL_TESTS_SIM_RAFT_CLIENT_H

#include "raft/kv.h"
#include "tests/linear/history.h"
#include "tests/sim/world/world.h"

struct quorum_seat;
struct raft_effect;

enum {
    CLIENTS_MAX = 8,
    CLIENT_KEYS = 6,           /* 0 and 1 also in transactions */
    CLIENT_WATCHERS = 4,
    CLIENT_HOLDERS = 4,
    CLIENT_WAITS = 32,         /* requests that wait at one node */
    CLIENT_EVENTS = 24000,
    CLIENT_TRIES = 40,         /* of a request with a session */
};

enum client_kind { CLIENT_PUT, CLIENT_GET, CLIENT_DELETE, CLIENT_CAS, CLIENT_TXN, CLIENT_OPEN };

struct client {
    uint64_t session, sequence;  /* session 0: none (yet) */
    bool wants_session, is_waiting, is_stale;
    uint32_t tries, sent;        /* of this request; tries that were proposed */
    uint64_t attempt;            /* number of the try that is waited for */
    enum client_kind kind;
    uint32_t key, value, expected; /* 0: the key does not exist */
    size_t op;                   /* in the history; SIZE_MAX: not in it */
    uint32_t seen[CLIENT_KEYS];
    uint64_t revision;           /* newest it was told */
    uint64_t done_sequence;      /* newest that was carried out: never twice */
};

/* What is delivered to all watchers alike, in its order. */
struct client_event {
    uint64_t revision, value;    /* value: hash of it; 0: deleted */
    uint32_t part;
    uint32_t key;                /* hash */
};

struct client_watcher {
    uint64_t from;
    uint32_t from_part;
    uint64_t place;              /* of the next event among all */
    bool is_wide;                /* of all keys; otherwise of one */
    uint32_t key;
};

struct client_holder {
    uint64_t lease, attempt;
    uint32_t ttl_ms;
    bool is_waiting;
};

/* A lease as all agree on it. */
struct client_lease {
    uint64_t id, renewed_us;     /* true time at which the last renewal was proposed */
    uint32_t ttl_ms;
};

enum client_who { CLIENT_IS_CLIENT, CLIENT_IS_HOLDER };

/* A request that waits at a node for its entry or its read. */
struct client_wait {
    enum client_who who;
    uint32_t number;
    uint64_t attempt, index, context;
    bool is_read, is_ready;
};

struct client_waits {
    struct client_wait item[CLIENT_WAITS];
    uint32_t count;
};

struct clients {
    uint32_t clients, watchers, holders;
    struct client client[CLIENTS_MAX];
    struct client_watcher watcher[CLIENT_WATCHERS];
    struct client_holder holder[CLIENT_HOLDERS];
    struct client_event *event;
    uint64_t events, revision;         /* newest that was told */
    struct client_lease *lease;
    uint32_t leases, lease_room;
    struct history history;
    int64_t time;
    uint32_t values;
    uint64_t attempts;
    uint64_t watched, repeats, ended, renewed, granted, undecided, unknown, compacted, done;
};

/* Draw how many there are, and let them begin. until_us: nobody asks anything after it. */
void clients_begin(struct world *w, uint64_t until_us);
void clients_fini(struct clients *c);

/* Orders. */
void client_goes_on(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number, uint64_t now_us, struct world_effects *fx);
void client_watches(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number);
void client_holds(struct world *w, uint32_t node, struct quorum_seat *s, uint32_t number, uint64_t now_us, struct world_effects *fx);

/* What the node's shell knows. answer NULL: the entry is another's. */
void clients_applied(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t index, const struct raft_answer *answer);
void clients_read(struct world *w, uint32_t node, struct quorum_seat *s, const struct raft_effect *e);
void clients_look(struct world *w, uint32_t node, struct quorum_seat *s); /* reads whose index is applied */
void clients_lost(struct world *w, uint32_t node, bool has_ended);        /* no longer leader; or the process ended */

/* check_kv.c: what all agree on is right. First application of an entry, anywhere. */
void check_answer(struct world *w, struct quorum_seat *s, uint64_t index, const struct raft_command *c, const struct raft_answer *a);
void check_history(struct world *w);
void check_leases(struct world *w);

#endif
