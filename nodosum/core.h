/* Who is in the cluster: failure detection and dissemination. A step function: packets, time and wishes in,
 * packets out; no clock, socket, randomness or allocation.
 *
 * SWIM: Das, Gupta, Motivala, "SWIM", DSN 2002. Lifeguard: Dadgar, Phillips, Currey, "Lifeguard: Local Health
 * Awareness for More Accurate Failure Detection", 2017 (arXiv:1707.00788). Rings: Suresh et al., "Stable and
 * Consistent Membership at Scale with Rapid", ATC 2018. Trees of fingers: El-Ansary et al., "Efficient Broadcast in
 * Structured P2P Networks", IPTPS 2003. Ranges: Meyer, "Range-Based Set Reconciliation",
 * 2023. Where a number is not from these it is from memberlist's documented defaults (hashicorp/memberlist,
 * DefaultLANConfig) or says why it is another. */
#ifndef CELL_NODOSUM_CORE_H
#define CELL_NODOSUM_CORE_H

#include "nodosum/packet.h"
#include "nodosum/types.h"

enum {
    NODOSUM_MEMBER_BYTES = 1248,  /* memory a member costs at most, with its places in every order       */
    NODOSUM_EVENTS_MAX = 1024,    /* changes that a watcher may be behind                                */
    NODOSUM_SENDS_MAX = 24,       /* packets of one step: what one answer of the anti-entropy may take   */
    NODOSUM_RTTS_MAX = 8,         /* one for each ACK that a packet may sensibly hold                    */
    NODOSUM_WANDER_PERIODS = 25,  /* who says where it is looks at any member every so many periods: whom
                                   * it measures would otherwise be its fingers alone, and a node of 500
                                   * with 18 neighbours chooses the nearest of ten half as often          */
    NODOSUM_WANDER_EAGER = 5,     /* … in its first minute there                                          */
    NODOSUM_EAGER_MS = 60000,
};

/* Times in milliseconds. nodosum_core_usual has the defaults, for a LAN; a WAN needs none of its own, for
 * timeouts follow the measured round trips. */
struct nodosum_tuning {
    uint32_t period_ms;       /* SWIM's T': between probes                                                */
    uint32_t gossip_ms;       /* between rounds while there is news                                       */
    uint32_t suspect_tenths;  /* alpha: least suspicion is alpha log10(n) periods (Lifeguard, IV-B)       */
    uint32_t suspect_least_ms;/* … and no less: a member that stopped for so long is not dead             */
    uint32_t suspect_times;   /* beta: longest suspicion over the least one                               */
    uint32_t keep_ms;         /* a dead or left member is remembered                                      */
    bool is_plain;            /* SWIM alone: no health, confirmations, buddies, second opinions or rings  */
};

/* How a member says that it leaves, or lives: so that nobody else can say it of one, and everybody may pass it on. Both are pure;
 * the core has no keys. */
struct nodosum_words {
    const void *keys;               /* borrowed while the core is                                          */
    /* The word of this node that it leaves (lives: that it is there) in this incarnation. */
    void (*say)(const void *keys, bool lives, uint64_t incarnation, uint8_t ret[NODOSUM_WORD_SIZE]);
    /* Whether it is that of `id` in this cluster and incarnation. */
    bool (*is_said)(const void *keys, const struct nodosum_id *id, bool lives, uint64_t incarnation,
                    const uint8_t word[NODOSUM_WORD_SIZE]);
};

struct nodosum_config {
    struct nodosum_id id;
    struct nodosum_about about;     /* meta_version is set by the core                                     */
    uint64_t incarnation;           /* first; more than in its last life saves a round of refutation: 1, or
                                     * what was stored, or seconds of the wall's clock. 0 counts as 1      */
    uint64_t seed;                  /* of the core's own randomness                                        */
    uint32_t members_max;           /* 2 to NODOSUM_MEMBERS_MAX, itself included                           */
    uint32_t seeds;
    struct nodosum_address seed_at[NODOSUM_SEEDS_MAX];
    struct nodosum_tuning tuning;
    struct nodosum_words words;
};

/* A packet to send. Seeds are known by address alone (has_id false): the shell makes the acquaintance. */
struct nodosum_send {
    bool has_id;
    struct nodosum_id to;
    struct nodosum_address at;
    struct nodosum_packet packet;
};

/* What was learned of a member: a round trip, where it is, or both. */
struct nodosum_rtt {
    struct nodosum_id id;
    uint32_t rtt_us;                             /* 0: it only said where it is                            */
    struct nodosum_place place;
};

/* What the shell does after a step. */
struct nodosum_effects {
    uint32_t sends, rtts;
    struct nodosum_send send[NODOSUM_SENDS_MAX]; /* in this order                                          */
    struct nodosum_rtt rtt[NODOSUM_RTTS_MAX];    /* measured: for coordinates and for routing              */
    uint64_t due_us;                             /* step nodosum_core_clock then, at the latest            */
    uint64_t revision;                           /* of the newest event                                    */
    bool has_left;                               /* whoever could hear of the leave has: it may end        */
};

/* What was not done, by reason; and what cost how much. Never reset. */
struct nodosum_counters {
    uint64_t packets_in, bytes_in, packets_out, bytes_out;
    uint64_t malformed, strangers;      /* refused packets; messages of senders that nobody introduced     */
    uint64_t full, unsent, held;        /* members, packets of a step, anti-entropy answers over a limit   */
    uint64_t forged;                    /* words that are not of whom they are about                       */
    uint64_t doubted;                   /* what others say of one and leaps: word.h                        */
    uint64_t probes, probes_failed, acks_late, lateness; /* lateness: times this process itself was late   */
    uint64_t suspected, confirmed, refuted, died;        /* news of this kind that was new here             */
};

struct nodosum;        /* lives in memory of the caller */
struct nodosum_member; /* state.h; read with the functions below */

/* What is known of a member. */
struct nodosum_view {
    struct nodosum_id id;
    enum nodosum_state state;
    uint64_t incarnation;
    uint32_t rtt_us;                    /* smoothed; 0: not measured */
    bool is_contested;                  /* others heard something else of it in this incarnation: it told one this and one that,
                                         * or somebody did in its name, which it refutes at once */
    const struct nodosum_about *about;  /* borrowed until the next step */
};

struct nodosum_tuning nodosum_core_usual(void);

/* Bytes that nodosum_core_init needs; aligned for any type. Linear in members_max, nothing else grows. */
size_t nodosum_core_size(uint32_t members_max);

/* Make a node that knows only itself. memory: nodosum_core_size bytes, the core's until it is given up; no
 * fini is needed. ERR_INVALID: a value of the config is out of its range. *ret points into memory. */
enum err nodosum_core_init(void *memory, const struct nodosum_config *config, uint64_t now_us,
                           struct nodosum **ret) MUST_CHECK;

/* Time passed. now_us: monotonic, never less than before, here and below; `fx` is filled afresh. */
void nodosum_core_clock(struct nodosum *n, uint64_t now_us, struct nodosum_effects *fx);

/* A packet arrived. from: whose seal it bore; at: where it came from. ERR_MALFORMED, ERR_LIMIT or
 * ERR_INCOMPATIBLE: it was refused whole; the effects still hold. */
enum err nodosum_core_packet(struct nodosum *n, uint64_t now_us, const struct nodosum_id *from,
                             const struct nodosum_address *at, const uint8_t *bytes, size_t size,
                             struct nodosum_effects *fx) MUST_CHECK;

/* New metadata for itself, told to all. ERR_LIMIT: longer than NODOSUM_META_MAX, nothing is changed;
 * ERR_PRECONDITION: it is leaving. */
enum err nodosum_core_update(struct nodosum *n, uint64_t now_us, const uint8_t *meta, size_t size,
                             struct nodosum_effects *fx) MUST_CHECK;

/* Other offers of its own, told to all: offers.h's bytes. ERR_LIMIT: longer than NODOSUM_OFFERS_BYTES, nothing is
 * changed; ERR_PRECONDITION: it is leaving. */
enum err nodosum_core_offer(struct nodosum *n, uint64_t now_us, const uint8_t *offers, size_t size,
                            struct nodosum_effects *fx) MUST_CHECK;

/* Where this node is from now on, as bytes that mean nothing here (size 0: nowhere): every other PING to a finger says
 * so, each in its first minute, and their answers say where the other one is. Now and then any member is looked at, too.
 * Nobody else is told: for that there is the metadata. ERR_LIMIT: longer than NODOSUM_META_PLACE_MAX, nothing is
 * changed. */
enum err nodosum_core_place(struct nodosum *n, uint64_t now_us, const uint8_t *place, size_t size) MUST_CHECK;

/* Measure the round trip to a member now; the effect comes with its answer, or never. ERR_NOT_FOUND: no living member
 * has this id, or itself; ERR_LIMIT: as many as may be looked at together are; ERR_PRECONDITION: it is leaving. */
enum err nodosum_core_look(struct nodosum *n, uint64_t now_us, const struct nodosum_id *id,
                           struct nodosum_effects *fx) MUST_CHECK;

/* It is reached elsewhere from now on, and all are told. ERR_INVALID: no address or port; ERR_PRECONDITION: it is
 * leaving; ERR_LIMIT: no incarnation is left. Nothing is changed then. */
enum err nodosum_core_move(struct nodosum *n, uint64_t now_us, const struct nodosum_address *to,
                           struct nodosum_effects *fx) MUST_CHECK;

/* Other seeds than before (0 to NODOSUM_SEEDS_MAX, copied), as names resolve and neighbours are heard of; those
 * at which nobody known lives are tried at once, and then from time to time. ERR_INVALID: too many, or one
 * without address or port; nothing is changed. */
enum err nodosum_core_seeds(struct nodosum *n, uint64_t now_us, const struct nodosum_address *at, uint32_t count,
                            struct nodosum_effects *fx) MUST_CHECK;

/* Leave: say so to all; an effect says when that is done. Again: nothing. */
void nodosum_core_leave(struct nodosum *n, uint64_t now_us, struct nodosum_effects *fx);

/* Members known, itself included, dead ones too; those that live. */
uint32_t nodosum_core_count(const struct nodosum *n);
uint32_t nodosum_core_living(const struct nodosum *n);

/* Member i < count, in the order of ids; itself is among them. */
struct nodosum_view nodosum_core_view(const struct nodosum *n, uint32_t i);

/* Whether `id` is known; then *ret. O(log n). */
bool nodosum_core_find(const struct nodosum *n, const struct nodosum_id *id, struct nodosum_view *ret);

/* Events after `revision`, the oldest first, at most `most`; *ret_count of them. ERR_RANGE: some of them are
 * forgotten, or the revision is none yet: list the members anew. */
enum err nodosum_core_events(const struct nodosum *n, uint64_t revision, struct nodosum_event *to,
                             uint32_t most, uint32_t *ret_count) MUST_CHECK;

/* Lifeguard's local health multiplier, 0 (well) to NODOSUM_HEALTH_MAX. */
uint32_t nodosum_core_health(const struct nodosum *n);
const struct nodosum_counters *nodosum_core_counters(const struct nodosum *n);

#endif
