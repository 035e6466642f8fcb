/* The ways to all peers of a node: pings and what they are answered with, by which of them packets go and how large they
 * may be (path.h, pmtu.h), what a rendezvous says of others and is told of us, and what a node does that is one for others,
 * or a relay. Pure, in memory of the caller; signals in, signals out. It changes the core that it was made with: peers
 * that a rendezvous brought, and where packets go.
 *
 * A way is sought while packets go to a peer, or he seeks one. A peer who never answers a signal is any WireGuard: he is
 * left in peace, and is where WireGuard says (the last authentic packet came from there). */
#ifndef CELL_DATAPATH_WAYS_H
#define CELL_DATAPATH_WAYS_H

#include "datapath/agenda.h"
#include "datapath/guest.h"
#include "datapath/guide.h"
#include "datapath/relay.h"
#include "datapath/roll.h"
#include "datapath/way.h"

enum {
    DATAPATH_WAYS_OWN = DATAPATH_SIGNAL_PLACES - 1, /* addresses of our own that are told: one is seen   */
    DATAPATH_WAYS_IDLE_MS = 180000,      /* no packet went to him: his way is forgotten                  */
    DATAPATH_WAYS_DEAF_MS = 60000,       /* who answers no signal is tried again after this, …           */
    DATAPATH_WAYS_DEAF_MS_MAX = 3600000, /* … and twice as long each time, up to this                    */
    DATAPATH_WAYS_TOLD_MS = 200,         /* between looks at whether packets go: they are many           */
    DATAPATH_WAYS_RELAY_MS = 40000,      /* who needs a relay asks again: three times in its patience    */
    DATAPATH_WAYS_KEY = 16,              /* of SipHash                                                   */
    DATAPATH_WAYS_CALL_SIZE = 384,       /* of a CALL, at least: a MEET fits into it                     */
    DATAPATH_WAYS_ASK_BURST = 256,       /* CALLs and RELAYs of one peer that are heard at once …        */
    DATAPATH_WAYS_ASK_RATE = 40,         /* … and in a second: each makes two nodes ask all places of the other */
    DATAPATH_WAYS_SENDS = DATAPATH_PATH_EFFECTS + 2 * DATAPATH_PMTU_EFFECTS + 5 * DATAPATH_WAYS_BELIEVED,
    DATAPATH_WAYS_NOTES = 64,
    DATAPATH_WAYS_BYTES = DATAPATH_WAYS_SENDS * DATAPATH_SIGNAL_MOST + 2 * DATAPATH_PMTU_EFFECTS * DATAPATH_ROOM,
};

/* What became of a signal. X(name, text) */
#define DATAPATH_WAYS_MAP(X)                                                                       \
    X(HEARD, "signals that were taken")                                                            \
    X(STRANGER, "of nobody that we know")                                                          \
    X(FALSE, "that do not open, came before, or say nothing")                                      \
    X(UNASKED, "that answer nothing, or ask for what this node does not do")                       \
    X(MUCH, "CALLs and RELAYs beyond what one peer may")

enum datapath_ways_verdict {
#define X(name, text) DATAPATH_WAYS_##name,
    DATAPATH_WAYS_MAP(X)
#undef X
};

#define X(name, text) +1
enum {
    DATAPATH_WAYS_VERDICTS = 0 DATAPATH_WAYS_MAP(X)
};
#undef X

enum datapath_ways_note_kind {
    DATAPATH_WAYS_USE,      /* packets of `peer` go to his endpoint, which answers      */
    DATAPATH_WAYS_LOST,     /* no way to him answers                                    */
    DATAPATH_WAYS_SIZE,     /* datagrams to him may be of `size` bytes                  */
    DATAPATH_WAYS_CAME,     /* a rendezvous (`by`) brought this peer                    */
    DATAPATH_WAYS_WENT,     /* … and says that he is gone: `key`, he is no peer any more */
    DATAPATH_WAYS_REFUSED,  /* … brought one for whom there is no room, or with an address or a name of another */
    DATAPATH_WAYS_UNNAMED,  /* … says that our name is another's                        */
};

struct datapath_ways_note {
    enum datapath_ways_note_kind kind;
    uint32_t peer, by, size;
    uint8_t key[DATAPATH_NOISE_KEY];
};

struct datapath_ways_effects {
    uint32_t sends, notes, used;
    struct datapath_send send[DATAPATH_WAYS_SENDS];
    uint64_t whole;        /* bit n: send n must not be fragmented */
    struct datapath_ways_note note[DATAPATH_WAYS_NOTES];
    uint32_t untold;       /* notes for which there was no room    */
    struct datapath_effects core; /* of the core: handshakes that begin again */
    uint8_t bytes[DATAPATH_WAYS_BYTES];
};

/* One that we believe. */
struct datapath_ways_believed {
    uint32_t peer, serial;
    uint64_t grace_ms;               /* until then its life knows less than the one before  */
    bool wants_sweep, is_refused;    /* whom its list of all did not have is to go; it said what another's word is against */
    bool is_unnamed;                 /* it gave our name to another      */
    struct datapath_guest guest;
};

struct datapath_ways_numbers {
    uint64_t verdict[DATAPATH_WAYS_VERDICTS];
    uint64_t pings, pongs, calls, meets, rolls; /* that we said */
    uint64_t names_refused;          /* names that members wanted, and that are others'; at each heartbeat */
};

struct datapath_ways_config {
    uint32_t peers_max, mtu;
    uint64_t life;                   /* greater than of any life before      */
    bool is_rendezvous, is_relay;    /* a relay is a rendezvous, too         */
    bool is_silent;                  /* nothing is said unasked              */
    uint32_t own;
    struct datapath_endpoint place[DATAPATH_WAYS_OWN];
    uint8_t seed[DATAPATH_RANDOM_SEED];
    char name[DATAPATH_LABEL_SIZE];  /* our own, "": none                */
    /* What our operator calls this key; else `wish`, but NULL if by his word it is another's or ours. NULL: he names nobody. */
    const char *(*settle)(const void *names, const uint8_t public[DATAPATH_NOISE_KEY], const char *wish);
    const void *names;
    bool has_secret;                 /* peers that a rendezvous brings have a psk of it */
    uint8_t secret[DATAPATH_NOISE_KEY];
    /* What an earlier life heard of him: store.h. */
    void (*recall)(const void *memory, const uint8_t public[DATAPATH_NOISE_KEY], struct datapath_heard *ret);
    const void *memory;
};

struct datapath_ways {
    struct datapath *core;
    struct datapath_ways_config config;
    struct datapath_random random;
    struct datapath_way *way;        /* by the peer's number */
    struct datapath_agenda agenda;
    struct datapath_labels labels;   /* peers' names, as they or a rendezvous said them */
    struct datapath_roll roll;
    struct datapath_relay relay;
    uint32_t believed;
    struct datapath_ways_believed believe[DATAPATH_WAYS_BELIEVED];
    uint8_t key[DATAPATH_WAYS_KEY];  /* of the words in our pings, of this life alone       */
    uint64_t said;                   /* the highest counter of our signals in this life, to whomever */
    uint32_t limited;                /* ways with a limit: when there is none nobody looks */
    uint64_t scan_ms;                /* when peers and roll are compared next */
    struct datapath_ways_numbers numbers;
};

/* Bytes beside the struct, aligned as malloc does. */
size_t datapath_ways_size(uint32_t peers, bool is_rendezvous, bool is_relay);
void datapath_ways_init(struct datapath_ways *w, void *memory, struct datapath *core, const struct datapath_ways_config *c,
                        uint64_t now_ms);
void datapath_ways_fini(struct datapath_ways *w); /* wipes; also what was zeroed */

/* Believe this peer: he is a rendezvous. ERR_LIMIT: there are DATAPATH_WAYS_BELIEVED. */
enum err datapath_ways_believe(struct datapath_ways *w, uint32_t peer, uint64_t now_ms) MUST_CHECK;

/* We are reached at these from now on, 0 to DATAPATH_WAYS_OWN: what each rendezvous is told next has them. */
void datapath_ways_own(struct datapath_ways *w, const struct datapath_endpoint *place, uint32_t count);

/* Packets have at most so many bytes from now on: what each way carries is measured anew when it is used next. */
void datapath_ways_resize(struct datapath_ways *w, uint32_t mtu);

/* ---- steps: each fills *fx afresh ---------------------------------------------------------------------- */

/* A datagram of kind SIGNAL came; it is opened in place. from.relay: by way of a relay. */
enum datapath_ways_verdict datapath_ways_receive(struct datapath_ways *w, struct datapath_time now,
                                                 const struct datapath_endpoint *from, uint8_t *bytes, size_t size,
                                                 struct datapath_ways_effects *fx);

/* A datagram of kind RELAYED came from there, with `id`: whether it is of a relay that we asked. O(1). */
bool datapath_ways_is_relay(const struct datapath_ways *w, const struct datapath_endpoint *from);

/* It is due: one peer's turn, or one rendezvous'. Call again while datapath_ways_due_ms is not in the future. */
void datapath_ways_clock(struct datapath_ways *w, struct datapath_time now, struct datapath_ways_effects *fx);
uint64_t datapath_ways_due_ms(const struct datapath_ways *w);

/* Packets go to him, the largest datagram of them `size` bytes. Says whether that is news (then *fx is filled). */
bool datapath_ways_used(struct datapath_ways *w, struct datapath_time now, uint32_t peer, uint32_t size,
                        struct datapath_ways_effects *fx);

/* An authentic packet of his came from elsewhere, where the core sends to now. */
void datapath_ways_moved(struct datapath_ways *w, struct datapath_time now, uint32_t peer, struct datapath_ways_effects *fx);
/* Our operator names him by hand: he is the operator's from now on, whoever brought him, and is sought where the core has him. */
void datapath_ways_claim(struct datapath_ways *w, struct datapath_time now, uint32_t peer);
/* We go: each rendezvous is told. */
void datapath_ways_leave(struct datapath_ways *w, struct datapath_time now, struct datapath_ways_effects *fx);

/* ---- looks --------------------------------------------------------------------------------------------- */

/* The way of a peer, as of now; NULL: nothing is known. */
const struct datapath_way *datapath_ways_of(const struct datapath_ways *w, uint32_t peer);

/* What a peer is called by our operator, or else by himself or a rendezvous; "": nothing. And who is so by the word of one
 * of these alone; false: nobody. O(1). */
const char *datapath_ways_name(const struct datapath_ways *w, uint32_t peer);
bool datapath_ways_named(const struct datapath_ways *w, const char *name, uint32_t *ret_peer);

/* Bytes of an inner packet that his way carries; UINT32_MAX: as many as any. */
static inline uint32_t datapath_ways_limit(const struct datapath_ways *w, uint32_t peer)
{
    return w->limited == 0 || w->way[peer].limit == 0 ? UINT32_MAX : w->way[peer].limit;
}

const char *datapath_ways_verdict_name(enum datapath_ways_verdict v);
const char *datapath_ways_verdict_text(enum datapath_ways_verdict v);

#endif
