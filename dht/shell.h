/* The cell around the core: its socket, clock and disk, whom membership knows, and whoever waits for a lookup. */
#ifndef CELL_DHT_SHELL_H
#define CELL_DHT_SHELL_H

#include "common/node/datagram.h"
#include "common/node/resolver.h"
#include "common/run/cell_ask.h"
#include "dht/circle.h"
#include "dht/net.h"
#include "dht/own.h"
#include "dht/sign.h"
#include "dht/twin.h"

enum {
    DHT_SHELL_WISHES = 128,           /* lookups and puts at one time: what is more is refused, with a time     */
    DHT_SHELL_BUSY_MS = 50,           /* … to come back                                                         */
    DHT_SHELL_PATHS = 4,              /* of a get or put: tests/sim/dht, `surround` and `wide`                  */
    DHT_SHELL_BOOT_MS = 5000,         /* between attempts to find somebody while nobody is known                */
    DHT_SHELL_BOOT_FEW_MS = 30000,    /* … while fewer are than a record has holders: they may be an island     */
    DHT_SHELL_BOOT_MANY_MS = 600000,  /* … while more are: so may these; as often as a bucket is looked through */
    DHT_SHELL_SAVE_MS = 60000,        /* between writes of who is known                                         */
    DHT_SHELL_RECORDS_MS = 600000,    /* … of what is held: who comes back gets it from other holders too       */
    DHT_SHELL_MEMBERS_MS = 500,       /* before membership is asked again that did not answer, doubling          */
    DHT_SHELL_MEMBERS_MOST_MS = 60000,
    DHT_SHELL_POLL_MS = 20000,        /* one long poll for changes of it                                        */
    DHT_SHELL_ASK_MS = 2000,          /* for an answer of it                                                    */
    DHT_SHELL_SELF_MS = 10000,        /* between looks where membership says that this node is, while it has use  */
    DHT_SHELL_SETTLE_MS = 3000,       /* of a life, after which it knows whoever there is                       */
};

struct dht_shell;
struct saying;

/* Somebody who waits for a wish of the core. Lives until `done` has run, once; both run while the core's effects are read,
 * so what steps the core again goes into `again`. */
struct dht_ask {
    uint64_t wish;
    struct dht_shell *shell;
    void (*found)(struct dht_ask *ask, const struct dht_found *found);
    void (*done)(struct dht_ask *ask, const struct dht_done *done);
    void (*again)(struct dht_ask *ask);
    struct dht_ask *next;
};

struct Cell__Nodosum__WatchRequest;

/* What the last round of questions for names found. */
enum dht_shell_names {
    DHT_SHELL_NAMES_NEW,
    DHT_SHELL_NAMES_NOTHING,
    DHT_SHELL_NAMES_SOMEBODY,
};

/* What the shell knows by membership. */
struct dht_shell_members {
    struct cell_watch *watch;
    struct Cell__Nodosum__WatchRequest *poll; /* the watch's */
    struct cell_timer *timer;
    bool has_listed;                  /* it has told of everybody, once */
    uint32_t mark;                    /* of the listing */
    uint64_t self_us;                 /* asked where this node is, last */
    uint64_t revision;
    uint32_t gap_ms;                  /* since it answered last */
};

struct dht_shell {
    struct cell *cell;
    struct node_keys keys;
    struct dht_signer signer;
    int socket;                       /* until the datagrams have it; -1                       */
    int dir;                          /* of the state; -1: none is granted                     */
    struct datagram *datagram;
    void *memory;
    struct dht *core;                 /* in memory                                             */
    struct loop_timer *timer;
    bool has_address, is_told;        /* where others reach this node is known; by membership   */
    struct dht_address address;
    struct dht_circle circle;
    struct dht_shell_members members;
    uint64_t wishes;                  /* ever */
    struct dht_ask *asks, *agains, *early; /* early: until it knows whoever there is          */
    bool is_settled;                  /* … once and for all                                    */
    uint64_t born_us;
    struct dht_own own;
    struct saying *sayings;           /* say.c: in the order in which they came                */
    uint32_t waiting;                 /* of them                                               */
    uint64_t said_seq;                /* the highest of this life's named values               */
    bool is_resolving;
    enum dht_shell_names names;
    uint32_t named;                   /* addresses that names meant when they last meant any   */
    struct sealed_address named_at[DNS_SEEDS_MAX];
    uint64_t booted_us, save_us, records_us; /* booted: last                                   */
    uint32_t saved;                   /* contacts of an earlier life                           */
    uint64_t knocked_us, twin_us;     /* at another node with this one's key, and told of it, last; 0: never */
    uint64_t untaken;                 /* packets that the datagrams had no room for            */
    struct cell_metric *metric_peers, *metric_members, *metric_records, *metric_bytes, *metric_kept, *metric_refused,
        *metric_asked, *metric_failed, *metric_twins, *metric_twin;
    /* What is large and hardly filled: apart from what is used all the time. */
    struct dht_settings settings;
    struct dht_effects fx;
    struct dht_contact save[DHT_SAVED_MAX];
    struct resolver resolver;         /* of names of the way in, while nobody is known         */
};

/* Hooks of the cell; state is a struct dht_shell. */
enum err dht_shell_open(struct cell *cell, void *state) MUST_CHECK;
enum err dht_shell_start(struct cell *cell, void *state) MUST_CHECK;
void dht_shell_granted(void *state, const char *name);
void dht_shell_stop(void *state);

/* Wishes: as the core's; `ask` has its functions. ERR_OK: it has been or will be told; otherwise it was not taken. */
enum err dht_shell_find(struct dht_shell *s, const struct dht_id *target, struct dht_ask *ask) MUST_CHECK;
enum err dht_shell_get(struct dht_shell *s, const struct dht_id *key, uint32_t reads, struct dht_ask *ask) MUST_CHECK;
enum err dht_shell_put(struct dht_shell *s, const struct dht_record *r, const uint64_t *expected, struct dht_ask *ask) MUST_CHECK;

/* From inside `found` or `done`: call ask->again when the effects have been read. */
void dht_shell_again(struct dht_ask *ask);

/* The date, for records' ends and sequences. */
uint64_t dht_shell_wall_s(void);

/* Look at what is due: something new is kept. */
void dht_shell_arm(struct dht_shell *s);

/* Do what the last step of the core said; who waits for its end is told. */
void dht_shell_perform(struct dht_shell *s);

/* ---- shell_early.c --------------------------------------------------------------------------------- */

/* Whether others were there before, or are configured. */
bool dht_shell_has_way_in(const struct dht_shell *s);

/* Whether it knows as many as there are, so far as it was told: what "there is none" is worth. */
bool dht_shell_is_settled(struct dht_shell *s);

/* Call ask->again as soon as it does, DHT_SHELL_SETTLE_MS after its beginning at the latest; at the end ask->done. */
void dht_shell_when_settled(struct dht_ask *ask);
uint64_t dht_shell_early_due_us(const struct dht_shell *s);
void dht_shell_early(struct dht_shell *s);
void dht_shell_early_stop(struct dht_shell *s);

/* ---- shell_boot.c ---------------------------------------------------------------------------------- */

/* Ask at these addresses for the way in. Errors of dht_core_bootstrap. */
enum err dht_shell_bootstrap(struct dht_shell *s, const struct dht_address *at, uint32_t count) MUST_CHECK;

/* Ask these nodes for it, up to DHT_BOOTSTRAP_MAX. */
void dht_shell_enter(struct dht_shell *s, const struct dht_contact *to, uint32_t count);

/* Ask whoever is configured, by address or name, and while nobody is known everybody that was. */
void dht_shell_boot(struct dht_shell *s, uint64_t now_us);

/* When that is due. Members are no island: whoever is cut off from them hears it from membership. */
uint64_t dht_shell_boot_due_us(const struct dht_shell *s);

/* With the doors open: find out whom to ask for names. Errors of resolver_open. */
enum err dht_shell_boot_open(struct dht_shell *s) MUST_CHECK;
void dht_shell_boot_close(struct dht_shell *s);

/* ---- shell_twin.c ---------------------------------------------------------------------------------- */

/* Look whether others have one key, or this node's. */
void dht_shell_twins(struct dht_shell *s);

/* Of the datagrams: somebody who is awake at `from` has this node's key. */
void dht_shell_on_twin(void *context, const struct sealed_address *from);

/* ---- shell_members.c ------------------------------------------------------------------------------- */

/* Follow membership, as long as there is one. ERR_NOMEM. */
enum err dht_shell_members_start(struct dht_shell *s) MUST_CHECK;
void dht_shell_members_stop(struct dht_shell *s);

/* Membership's word about a node, on to the circle and the core. */
void dht_shell_member(struct dht_shell *s, const struct dht_contact *who, uint32_t mark);
void dht_shell_member_gone(struct dht_shell *s, const struct dht_node *node);

/* This node's address has use: ask membership for it, if it was not asked just lately; it may have moved. */
void dht_shell_look_at_self(struct dht_shell *s);

/* A listing is whole: whom it did not name is gone. */
void dht_shell_members_listed(struct dht_shell *s, uint32_t mark);

#endif
